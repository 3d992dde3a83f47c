{ echo FROM busybox; for i in $(seq 3000); do echo "LABEL l$i=1"; done; } > Dockerfile
