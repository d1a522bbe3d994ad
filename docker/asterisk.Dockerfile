# Asterisk 22 from Debian testing, joined to the dialer. What a site changes is mounted: see compose.yaml.
ARG BASE=debian:forky-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends asterisk && rm -rf /var/lib/apt/lists/*
COPY asterisk-conf/pbx/ /etc/asterisk/
COPY asterisk-conf/sounds/dialer/ /usr/share/asterisk/sounds/dialer/
COPY docker/asterisk/ /etc/asterisk/
RUN groupadd --gid 5060 telephony && usermod --append --groups telephony asterisk \
    && install -d -m 2770 -o asterisk -g telephony /var/spool/asterisk/monitor/dialer \
    && install -m 640 -o asterisk -g asterisk /dev/null /etc/asterisk/manager_dialer_secret.conf
EXPOSE 5060/udp 10000-10199/udp
# the secret is mounted as a file; Asterisk wants it in a line of its own
CMD ["sh", "-euc", "printf 'secret = %s\\n' \"$(cat /run/secrets/ami-secret)\" > /etc/asterisk/manager_dialer_secret.conf; exec asterisk -f -U asterisk -G telephony"]
