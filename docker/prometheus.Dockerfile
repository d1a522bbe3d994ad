# Debian's Prometheus with the project's rules
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/*
COPY monitoring/prometheus.yml /etc/prometheus/prometheus.yml
COPY monitoring/rules/ /etc/prometheus/rules/
USER prometheus
EXPOSE 9090
CMD ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/var/lib/prometheus/metrics2"]
