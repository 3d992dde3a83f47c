mkdir Dockerfile
