# The one image of every fleetlog process; docker-compose.yml says which command runs where.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build

# The lock holds the developers' tools as well. All of it is fetched here, each file checked
# against its hash, and whatever is installed afterwards comes out of this folder only.
COPY requirements.lock ./
RUN pip download --require-hashes --only-binary :all: --requirement requirements.lock --dest wheels

COPY pyproject.toml README.md LICENSE beat_schedule.py ./
COPY domain domain
COPY store store
COPY workers workers
RUN pip install --no-index --find-links wheels hatchling \
 && pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && python -m venv /srv/fleetlog \
 && /srv/fleetlog/bin/pip install --no-index --find-links wheels fleetlog

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 fleetlog \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin fleetlog
COPY --from=build /srv/fleetlog /srv/fleetlog
ENV PATH=/srv/fleetlog/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/fleetlog
USER 10001:10001
CMD ["fleetlog", "--help"]
