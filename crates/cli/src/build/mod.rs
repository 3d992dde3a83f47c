//! `gantry build`: what the options mean, and what becomes of the result.
//!
//! - [`flags`] is what can be typed.
//! - [`context`] finds what is built: a folder, standard input, an address.
//! - [`attributes`] are the options in the frontend's words; [`outputs`], [`secrets`], [`agents`]
//!   read their own grammars.
//! - [`layouts`] are OCI layouts in folders: caches, and images as contexts.
//! - [`run`] connects, opens the session, builds and ends; [`result`] and [`call`] print what came.
//! - [`dockerfile`] fetches one from an address.
//! - [`debug`] is the shell in a step that failed.
//! - [`display`] shows progress.
//! - [`classic`] builds by `POST /build`, where an engine has nothing newer.

mod agents;
pub(crate) mod attributes;
pub(crate) mod call;
mod classic;
pub(crate) mod context;
mod debug;
pub(crate) mod display;
mod dockerfile;
pub(crate) mod flags;
pub(crate) mod layouts;
mod logins;
pub(crate) mod outputs;
mod result;
pub(crate) mod run;
pub(crate) mod secrets;
