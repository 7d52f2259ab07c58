# mnd on the CPU: no user but its own, no network at run time, photos by -v.
#
#   docker build -t mnd .
#   docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD:/photos" mnd cloak photo.jpg
#
# The network is used while it is built, and by nothing after it: dlib's recogniser is in a package.
FROM python:3.11-slim

# torch alone decides on several gigabytes: its own index has it without CUDA.
# With CUDA: docker build --build-arg TORCH="torch torchvision" -t mnd .   and   docker run --gpus all ...
ARG TORCH="torch torchvision --index-url https://download.pytorch.org/whl/cpu"
RUN pip install --no-cache-dir $TORCH

RUN --mount=type=bind,target=/src \
    cp -r /src /tmp/mnd && pip install --no-cache-dir /tmp/mnd && rm -rf /tmp/mnd

# whoever it runs as can write here, and what is derived once is kept as long as the container
RUN useradd --create-home --uid 1000 mnd && install -d -m 1777 /tmp/mnd-home /photos
ENV MND_HOME=/tmp/mnd-home MND_CONFIG="" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
USER mnd
WORKDIR /photos
ENTRYPOINT ["mnd"]
CMD ["--help"]
