FROM busybox
COPY . /o
