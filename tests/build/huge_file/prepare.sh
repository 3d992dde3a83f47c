{ echo FROM busybox; for i in $(seq 60); do printf '#%060000d\n' 1; done; echo ENV A=1; } > Dockerfile
