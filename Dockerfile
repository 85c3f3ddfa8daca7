# docker build -t simcse-zh . && docker run --rm -p 127.0.0.1:8888:8888 simcse-zh
# The same versions as `make setup`; JupyterLab prints the address to open.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make git \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home reader
USER reader
WORKDIR /home/reader/simcse-zh
COPY --chown=reader . .
RUN make setup

EXPOSE 8888
CMD [".venv/bin/jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "notebooks"]
