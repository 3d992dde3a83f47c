//! The small grammars of Docker's command line and API, and the figures that it prints.
//!
//! Parsing happens once, at the edge: the command line and the engine both turn strings into
//! these types and use only them afterwards.
//!
//! * figures: [`GoDuration`], [`human_duration`], [`parse_ram`], [`human_size`], [`bytes_size`];
//! * flags: ports ([`Port`], [`parse_publish`]), mounts ([`MountSpec`], [`VolumeSpec`]),
//!   [`Ulimit`], [`Device`], [`RestartPolicy`], [`CpuSet`], [`parse_cpus`], [`ExtraHost`],
//!   [`parse_env_file`], [`Signal`], [`DetachKeys`];
//! * modes: [`NamespaceMode`], [`NetworkMode`].
//!
//! The error texts are Docker's, because scripts and people search for them. The crate knows no
//! file, no network and no API body.
//!
//! References: docker/cli `opts`, docker/go-units, docker/go-connections `nat`, moby
//! `volume/mounts`; behaviour, not code.
#![forbid(unsafe_code)]

mod blkio;
mod cpus;
mod cpuset;
mod csv;
mod detach_keys;
mod device;
mod duration;
mod env_file;
mod error;
mod extra_host;
mod human;
mod mode;
mod mount;
mod name;
mod port;
mod restart;
mod signal;
mod size;
mod ulimit;
mod volume;

pub use blkio::{DeviceRate, DeviceWeight};
pub use cpus::{format_cpus, parse_cpus};
pub use cpuset::CpuSet;
pub use csv::fields as csv_fields;
pub use detach_keys::DetachKeys;
pub use device::{Device, DeviceRule};
pub use duration::GoDuration;
pub use env_file::parse_env_file;
pub use error::Error;
pub use extra_host::ExtraHost;
pub use human::human_duration;
pub use mode::{NamespaceMode, NetworkMode};
pub use mount::{MountKind, MountSpec};
pub use name::check_container_name;
pub use port::{Port, PortRange, Protocol, Published, parse_expose, parse_publish};
pub use restart::{RestartCondition, RestartPolicy};
pub use signal::Signal;
pub use size::{bytes_size, human_size, human_size_with_precision, parse_ram, parse_size};
pub use ulimit::Ulimit;
pub use volume::{Propagation, VolumeSource, VolumeSpec};
