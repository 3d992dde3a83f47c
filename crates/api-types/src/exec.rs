//! Processes run in a running container.

use crate::json::{Words, body};

body! {
    /// `POST /containers/{id}/exec`.
    pub struct ExecCreateRequest {
        /// User.
        user: String => "User",
        /// All rights.
        privileged: bool => "Privileged",
        /// A terminal.
        tty: bool => "Tty",
        /// Height and width.
        console_size: Option<[u16; 2]> => "ConsoleSize" omitempty,
        /// Attach standard input.
        attach_stdin: bool => "AttachStdin",
        /// Attach standard error.
        attach_stderr: bool => "AttachStderr",
        /// Attach standard output.
        attach_stdout: bool => "AttachStdout",
        /// Detach keys.
        detach_keys: String => "DetachKeys",
        /// `NAME=value`.
        env: Option<Vec<String>> => "Env",
        /// Working directory.
        working_dir: String => "WorkingDir",
        /// Command.
        cmd: Option<Words> => "Cmd",
    }

    /// `POST /containers/{id}/exec`'s answer.
    pub struct ExecCreateResponse {
        /// The new exec.
        id: String => "Id",
    }

    /// `POST /exec/{id}/start`.
    pub struct ExecStartRequest {
        /// Do not attach.
        detach: bool => "Detach",
        /// A terminal; as at creation.
        tty: bool => "Tty",
        /// Height and width.
        console_size: Option<[u16; 2]> => "ConsoleSize" omitempty,
    }

    /// An exec's command.
    pub struct ExecProcessConfig {
        /// A terminal.
        tty: bool => "tty",
        /// Program.
        entrypoint: String => "entrypoint",
        /// Its arguments.
        arguments: Option<Vec<String>> => "arguments",
        /// All rights.
        privileged: Option<bool> => "privileged" omitempty,
        /// User.
        user: String => "user" omitempty,
    }

    /// `GET /exec/{id}/json`.
    pub struct ExecInspect {
        /// 64 hex digits.
        id: String => "ID",
        /// Its process lives.
        running: bool => "Running",
        /// Exit status, `null` before the end.
        exit_code: Option<i64> => "ExitCode",
        /// Command.
        process_config: ExecProcessConfig => "ProcessConfig",
        /// Standard input is open.
        open_stdin: bool => "OpenStdin",
        /// Standard error is attached.
        open_stderr: bool => "OpenStderr",
        /// Standard output is attached.
        open_stdout: bool => "OpenStdout",
        /// May be removed.
        can_remove: bool => "CanRemove",
        /// Container.
        container_id: String => "ContainerID",
        /// Detach keys.
        detach_keys: String => "DetachKeys",
        /// PID on the host.
        pid: i64 => "Pid",
    }
}
