//! The process of an exec.

use std::os::fd::BorrowedFd;

use gantry_api_types::ExecCreateRequest;
use gantry_oci::{ConsoleSize, Process};

use super::user::Account;
use super::{SpecError, capabilities, environment, working_directory};

/// The container's process with what the exec says otherwise; `root` is the container's.
pub(crate) fn exec_process(
    container: &Process,
    request: &ExecCreateRequest,
    size: Option<[u16; 2]>,
    root: BorrowedFd<'_>,
) -> Result<Process, SpecError> {
    let args = request
        .cmd
        .as_ref()
        .map(|words| words.0.clone())
        .unwrap_or_default();
    if args.is_empty() {
        return Err(SpecError::NoCommand);
    }
    let account = match request.user.as_str() {
        "" => None,
        user => Some(Account::find(root, user, &[])?),
    };
    let env = environment::of_exec(
        &container.env,
        (container.terminal, request.tty),
        request.env.as_deref().unwrap_or_default(),
        account.as_ref().map(|account| account.home.as_str()),
    );
    let size = size.filter(|size| request.tty && *size != [0, 0]);
    Ok(Process {
        terminal: request.tty,
        console_size: size.map(|[height, width]| ConsoleSize { height, width }),
        env,
        user: account.map_or_else(|| container.user.clone(), |account| account.user),
        args,
        cwd: match request.working_dir.as_str() {
            "" => container.cwd.clone(),
            path => working_directory(path)?,
        },
        capabilities: if request.privileged {
            Some(capabilities::everything())
        } else {
            container.capabilities.clone()
        },
        apparmor_profile: if request.privileged {
            container
                .apparmor_profile
                .as_ref()
                .map(|_| "unconfined".to_owned())
        } else {
            container.apparmor_profile.clone()
        },
        ..container.clone()
    })
}
