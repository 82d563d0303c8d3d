# syntax=docker/dockerfile:1
# Two images from one file: --target service (the API, no TensorFlow) and --target worker.
FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 UV_SYSTEM_PYTHON=1 UV_NO_CACHE=1 L2C_DATA_DIR=/data
RUN pip install --no-cache-dir uv==0.13.8 && useradd --uid 10001 --create-home l2c
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./

FROM base AS service
# What pyproject.toml asks for, in the versions and with the hashes that the lock has.
RUN uv pip install --requirements pyproject.toml --extra service --constraints requirements.lock
COPY learn2compress learn2compress
COPY service service
COPY workers/__init__.py workers/__init__.py
COPY migrations migrations
RUN uv pip install --no-deps .
RUN install -d -o l2c -m 700 /data
VOLUME /data
USER l2c
ENV L2C_HOST=0.0.0.0 L2C_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["l2c", "serve"]

FROM base AS worker
# "gpu" adds NVIDIA's CUDA libraries (some 3 GB), in the newest versions that the locked TensorFlow allows: the lock is
# also what developers install, so it leaves them out. --build-arg ACCELERATOR= leaves them out here too.
ARG ACCELERATOR=gpu
# libseccomp is half of the sandbox, and the worker refuses to start without it.
RUN apt-get update && apt-get install --yes --no-install-recommends libseccomp2 && rm -rf /var/lib/apt/lists/*
RUN uv pip install --requirements pyproject.toml --extra worker ${ACCELERATOR:+--extra "$ACCELERATOR"} \
    --constraints requirements.lock
COPY learn2compress learn2compress
# All of it, because l2c finds its commands there.
COPY service service
COPY workers workers
RUN uv pip install --no-deps .
RUN install -d -m 711 /data
VOLUME /data
# It stays root, with the four capabilities of docker-compose.yml: users' models are opened as another user.
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s \
    CMD ["sh", "-c", "celery -A workers.tasks inspect ping --timeout 10 --destination celery@$HOSTNAME"]
CMD ["celery", "-A", "workers.tasks", "worker", "--pool", "prefork", "--concurrency", "1", "--loglevel", "info"]
