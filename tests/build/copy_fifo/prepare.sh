mkdir p; mkfifo p/fifo; touch p/f
