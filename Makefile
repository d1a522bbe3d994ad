# Two commands: `make demo` runs the main job, `make test` runs every test. Each sets up all that it needs.
#
#   make demo ARGS="--calls 200 --seed 1"     make check (tests, lint, types, contracts: what CI runs)
#   make bench-connect                        make bench-calls                  make bench-abandoned
#   make bench-gate                           make bench-ledger                 make bench-pacing
#   make bench-floor                          make bench-decision               make soak-kills ARGS="--kills 50"
#   make bench-import ARGS="--debtors 100000"  make bench-choose            make bench-recordings

.PHONY: setup demo test check lint types contracts bench-connect bench-calls bench-abandoned bench-gate bench-ledger bench-pacing bench-decision bench-inbound bench-floor bench-import bench-choose bench-recordings soak-kills docs image lock clean
ARGS =
DIALER = .venv/bin/dialer
# two workers: what needs Asterisk waits for sound most of its time, and the rest is computed meanwhile
PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadgroup
# each command of a test or a demo would compile all that it imports anew
unexport PYTHONDONTWRITEBYTECODE
# what its server links, by name
REDIS = redis-(server|tools)|libatomic1|libc6|libcap2|libgcc-s1|libgcrypt20|libgpg-error0|libjemalloc2|liblz4-1|liblzf1|liblzma5|libssl3|libstdc\+\+6|libsystemd0|libzstd1

setup: .venv/ready .cache/asterisk/asterisk

.venv/ready: requirements.lock pyproject.toml setup/make-venv
	@setup/make-venv requirements.lock
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.lock
	@setup/make-venv requirements-dev.lock
	@touch $@

.cache/asterisk/asterisk: setup/fetch-asterisk setup/fetch-debs asterisk-conf/pbx/modules.conf asterisk-conf/phone-network/modules.conf
	@setup/fetch-asterisk .cache/asterisk
	@touch $@

.cache/sipp/run: setup/fetch-debs
	@setup/fetch-debs .cache/sipp forky '.*' sip-tester
	@touch $@

.cache/postgres/ready: setup/fetch-postgres setup/fetch-debs
	@setup/fetch-postgres .cache/postgres

.cache/redis/run: setup/fetch-debs
	@setup/fetch-debs .cache/redis bookworm "$(REDIS)" redis-server

.cache/prometheus/run: setup/fetch-debs
	@setup/fetch-debs .cache/prometheus bookworm 'prometheus|libc6|libgcc-s1' prometheus

# the judge of the unit file; its library lies where the tree's own loader doesn't look
.cache/systemd/run: setup/fetch-debs
	@setup/fetch-debs .cache/systemd bookworm '.*' systemd
	@cd .cache/systemd/tree/usr/lib/*-linux-gnu && ln -sf systemd/libsystemd-shared-*.so .

demo: setup
	@$(DIALER) demo $(ARGS)

test: setup .venv/ready-dev .cache/sipp/run .cache/postgres/ready .cache/redis/run .cache/prometheus/run .cache/systemd/run
	@$(PYTEST) $(ARGS)

check: lint types contracts test

lint: .venv/ready-dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: .venv/ready-dev
	@.venv/bin/mypy

contracts: .venv/ready-dev
	@.venv/bin/lint-imports --no-cache

bench-connect: setup .venv/ready-dev
	@.venv/bin/python -m bench.connect $(ARGS)

bench-pacing: .venv/ready-dev
	@.venv/bin/python -m bench.pacing $(ARGS)

bench-decision: .venv/ready-dev
	@.venv/bin/python -m bench.decision $(ARGS)

bench-ledger: .venv/ready-dev .cache/redis/run
	@.venv/bin/python -m bench.ledger $(ARGS)

bench-gate: setup .venv/ready-dev .cache/postgres/ready .cache/redis/run
	@.venv/bin/python -m bench.gate $(ARGS)

bench-abandoned: setup .venv/ready-dev
	@.venv/bin/python -m bench.abandoned $(ARGS)

bench-calls: setup .venv/ready-dev .cache/sipp/run
	@.venv/bin/python -m bench.calls $(ARGS)

bench-import: .venv/ready-dev
	@.venv/bin/python -m bench.importing $(ARGS)

bench-choose: .venv/ready-dev .cache/postgres/ready
	@.venv/bin/python -m bench.choosing $(ARGS)

bench-inbound: setup .venv/ready-dev
	@.venv/bin/python -m bench.inbound $(ARGS)

bench-recordings: setup .venv/ready-dev
	@.venv/bin/python -m bench.recordings $(ARGS)

# an hour of real time
bench-floor: setup .venv/ready-dev
	@.venv/bin/python -m bench.floor $(ARGS)

# the long form of tests/asterisk/test_kills.py
soak-kills: setup .venv/ready-dev .cache/postgres/ready .cache/redis/run
	@.venv/bin/python -m bench.kills $(ARGS)

# after a change of what the reference is made from
docs: .venv/ready-dev
	@.venv/bin/python docs/generate.py
	@.venv/bin/python monitoring/dashboards.py

# as root: what it lacks it installs with apt
image: .venv/ready
	@docker/make-image

# after a change of the dependencies in pyproject.toml
lock: .venv/ready-dev
	@setup/lock

clean:
	@rm -rf .venv .cache .demo build dist
