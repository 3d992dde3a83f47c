//! System-call filters: profile to BPF, and Docker's default profile as data.
//!
//! [`Profile`] is Docker's profile format (`--security-opt seccomp=file.json`), whose rules may
//! depend on capabilities, architecture and kernel; [`Profile::resolve`] turns it into the plain
//! [`gantry_oci::Seccomp`] of a container. [`default_profile`] does both for the profile that
//! Docker applies when none is named. [`compile`] makes the BPF [`Program`] that seccomp(2) takes.
//!
//! This crate installs nothing and knows no containers. Specifications: runtime-spec
//! `config-linux.md#seccomp`, the kernel's `userspace-api/seccomp_filter.rst`; names and
//! comparison operators are libseccomp's.

#![forbid(unsafe_code)]

mod action;
mod bpf;
mod compile;
mod condition;
mod default_profile;
mod error;
mod kernel;
mod profile;
mod rules;
mod syscalls;

pub use compile::{Program, compile};
pub use default_profile::default_profile;
pub use error::Error;
pub use kernel::KernelVersion;
pub use profile::Profile;
