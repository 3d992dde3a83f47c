//! The daemon process: configuration, sockets, lock, logging, shutdown.
