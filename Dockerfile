# Two images: `runtime`, the service alone (the last stage, so what `docker build .` makes), and `train`, the pipeline.
# The base is named by its tag, so that rebuilding takes Python's and Debian's fixes; python packages come with hashes.

FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# What builds stays here: uv, hatchling, their caches.
FROM base AS tools
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never PYC_INVALIDATION_MODE=UNCHECKED_HASH
COPY requirements/uv.txt /tools/
RUN python -m venv /tools/uv && /tools/uv/bin/python -m pip install --no-cache-dir --require-hashes -r /tools/uv.txt
ENV PATH=/tools/uv/bin:$PATH

FROM tools AS serve
COPY requirements/serve.txt /tools/
RUN python -m venv --without-pip /opt/hearth && \
    uv pip install --python /opt/hearth --require-hashes -r /tools/serve.txt
COPY requirements/train.txt /tools/
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
COPY api /source/api
RUN uv build --wheel --build-constraints /tools/train.txt --require-build-hashes --out-dir /tools/wheels /source && \
    uv pip install --python /opt/hearth --no-deps /tools/wheels/*.whl && \
    find /opt/hearth/lib -type d -name tests -prune -exec rm -r {} +

FROM tools AS pipeline
COPY requirements/train.txt /tools/
RUN python -m venv --without-pip /opt/hearth && \
    uv pip install --python /opt/hearth --require-hashes -r /tools/train.txt
COPY pyproject.toml README.md LICENSE /repo/
COPY src /repo/src
COPY api /repo/api
RUN uv pip install --python /opt/hearth --no-deps --no-build-isolation -e /repo

# The pipeline. /repo is a checkout: the one that is mounted there, else a copy of the one that the image was built from.
FROM base AS train
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* && \
    git config --system --add safe.directory '*'
COPY --from=pipeline /opt/hearth /opt/hearth
WORKDIR /repo
COPY . .
RUN git init --quiet . && chown -R 10001:10001 .
# Whoever runs it, as the owner of the checkout, has no entry in /etc/passwd.
ENV PATH=/opt/hearth/bin:$PATH HOME=/tmp USER=hearth DVC_SITE_CACHE_DIR=/tmp/dvc
USER 10001:10001
# A container is killed more easily than a build at hand: the lock is mended first, as in `make repro`.
ENTRYPOINT ["sh", "-c", "python -m hearth.release.mending && exec dvc \"$@\"", "dvc"]
CMD ["repro"]
LABEL org.opencontainers.image.title="hearth train" \
      org.opencontainers.image.description="From a table to a production bundle: dvc repro" \
      org.opencontainers.image.licenses="MIT"

# The service. It writes to /var/lib/hearth and nowhere else; its bundle is the one in the build context, or one mounted.
FROM base AS runtime
RUN groupadd --gid 10001 hearth && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/hearth --shell /usr/sbin/nologin hearth && \
    install -d -o 10001 -g 10001 -m 0750 /var/lib/hearth
COPY --from=serve /opt/hearth /opt/hearth
WORKDIR /app
COPY deploy/healthcheck.py ./
COPY models ./models
COPY reports ./reports
ENV PATH=/opt/hearth/bin:$PATH \
    TMPDIR=/var/lib/hearth \
    HEARTH_HOST=0.0.0.0 \
    HEARTH_DATABASE_URL=sqlite:////var/lib/hearth/hearth.db
USER 10001:10001
VOLUME /var/lib/hearth
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["python", "-I", "-S", "healthcheck.py"]
ENTRYPOINT ["hearth"]
CMD ["serve"]
LABEL org.opencontainers.image.title="hearth" \
      org.opencontainers.image.description="A tended prediction service" \
      org.opencontainers.image.licenses="MIT"
