//! One story, told through each client.

use super::{Daemon, Run};

/// A command line, and a daemon with the real images for it.
pub(crate) struct Client {
    pub(crate) daemon: Daemon,
    program: &'static str,
}

impl Client {
    /// Docker's own command line.
    pub(crate) fn docker() -> Self {
        Self::new("docker")
    }

    /// Ours.
    pub(crate) fn gantry() -> Self {
        Self::new("$GANTRY")
    }

    fn new(program: &'static str) -> Self {
        Self {
            daemon: Daemon::with_registry(),
            program,
        }
    }

    /// Runs this client with these arguments, quoted as for a shell.
    pub(crate) fn run(&self, args: &str) -> Run {
        self.with_input(args, "")
    }

    /// What the client prints; the test fails if the client does.
    #[track_caller]
    pub(crate) fn ok(&self, args: &str) -> String {
        self.run(args).ok().to_owned()
    }

    /// The same with this input.
    pub(crate) fn with_input(&self, args: &str, input: &str) -> Run {
        self.script(&format!("exec {} {args}", self.program), input)
    }

    /// Runs the client on a terminal, whose output ends in `stdout`.
    pub(crate) fn on_terminal(&self, args: &str, input: &str) -> Run {
        let program = self.program;
        self.script(
            &format!("exec script -qec \"{program} {args}\" /dev/null"),
            input,
        )
    }

    /// Runs a shell script, in which `$C` is the client.
    pub(crate) fn script(&self, script: &str, input: &str) -> Run {
        self.daemon
            .script(&format!("C={}; {script}", self.program), input)
    }

    /// A command that talks to this client's daemon, with streams of the test's own.
    pub(crate) fn command(&self, program: &str) -> std::process::Command {
        let mut command = self.daemon.client_command(program);
        command.env("GANTRY", super::gantry_binary());
        command
    }

    /// The client as a shell would write it.
    pub(crate) fn program(&self) -> &str {
        self.program
    }

    /// One value of `inspect`.
    #[track_caller]
    pub(crate) fn inspect(&self, container: &str, template: &str) -> String {
        self.ok(&format!("inspect -f '{{{{{template}}}}}' {container}"))
    }
}

/// Makes two tests of each story: one through the stock client, one through ours.
macro_rules! through_both {
    ($($story:ident),+ $(,)?) => {
        mod docker {
            $(#[test] fn $story() { super::$story(&$crate::harness::Client::docker()); })+
        }
        mod gantry {
            $(#[test] fn $story() { super::$story(&$crate::harness::Client::gantry()); })+
        }
    };
}
pub(crate) use through_both;
