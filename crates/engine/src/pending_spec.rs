//! Stands in until the real module of this name is there.
use gantry_api_types::ExecCreateRequest;
use gantry_oci::Process;
use std::os::fd::BorrowedFd;
#[derive(Debug, thiserror::Error)]
#[error("the specification cannot be built")]
pub struct SpecError;
pub(crate) fn exec_process(
    p: &Process,
    _: &ExecCreateRequest,
    _: Option<[u16; 2]>,
    _: BorrowedFd<'_>,
) -> Result<Process, SpecError> {
    Ok(p.clone())
}
pub(crate) struct U {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}
pub(crate) fn resolve_user(_: BorrowedFd<'_>, _: &str) -> Result<U, SpecError> {
    Ok(U { uid: 0, gid: 0 })
}
