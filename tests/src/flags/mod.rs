//! What `run` and `create` may ask for, looked at from inside the container.

mod addresses;
mod devices;
mod limits;
mod links;
mod mounts;
mod namespaces;
mod process;
mod refused;
mod signals;
