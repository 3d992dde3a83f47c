{ echo 'FROM busybox AS s0'; for i in $(seq 200); do echo "FROM s$((i-1)) AS s$i"; echo "ENV A=$i"; done; } > Dockerfile
