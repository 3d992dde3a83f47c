//! Stores on disks of other kinds: 4096-byte sectors, and full ones.
