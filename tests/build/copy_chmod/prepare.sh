chmod 755 src/run.sh
