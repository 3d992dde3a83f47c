//! What the cloned child does: the plan, step by step, without allocating.
//!
//! The caller may be a thread of many (a test, a daemon), one of which may have held the
//! allocator's lock at the moment of the clone; so nothing here allocates, locks or panics.

mod cgroup_mount;
mod command;
mod credentials;
mod devices;
mod enter;
mod file_systems;
mod home;
mod hooks;
mod mount_calls;
mod mounts;
mod paths;
mod root;
mod session;
mod streams;
mod target;

use std::convert::Infallible;

use gantry_sys::{process, scheduling};

use crate::plan::{ContainerPlan, ProcessPlan};
use crate::report::{At, ChildLink, Outcome, Step};

pub(crate) use enter::through_user_namespace;
pub(crate) use target::Target;

/// A container's first process, from the clone to the exec.
pub(crate) fn container(plan: &ContainerPlan, link: &ChildLink<'_>) -> ! {
    end(run_container(plan, link), &plan.process, link)
}

/// A further process of a running container, from the clone to the exec.
pub(crate) fn further(target: &Target<'_>, plan: &ProcessPlan, link: &ChildLink<'_>) -> ! {
    end(run_further(target, plan, link), plan, link)
}

fn run_container(plan: &ContainerPlan, link: &ChildLink<'_>) -> Outcome<Infallible> {
    session::begin()?;
    enter::namespaces(plan, link)?;
    let mut root = root::attach(plan)?;
    mounts::all(plan, &mut root)?;
    if let Some(nodes) = &plan.devices {
        devices::all(nodes, &root)?;
    }
    let terminal = streams::container_terminal(&plan.process, &root)?;
    paths::make_working_directory(plan, &root)?;
    paths::write_sysctls(plan)?;
    paths::protect(plan, &root)?;
    hooks::before_root(plan, link)?;
    root::enter(plan, root)?;
    streams::connect(&plan.process, terminal, link)?;
    if let Some(domain) = plan.personality {
        scheduling::set_personality(domain).at(Step::Personality)?;
    }
    into_program(&plan.process, link)
}

fn run_further(
    target: &Target<'_>,
    plan: &ProcessPlan,
    link: &ChildLink<'_>,
) -> Outcome<Infallible> {
    session::begin()?;
    credentials::run_on(plan.scheduling.first_processors.as_ref())?;
    target.enter()?;
    credentials::run_on(plan.scheduling.processors.as_ref())?;
    let terminal = streams::further_terminal(plan)?;
    streams::connect(plan, terminal, link)?;
    into_program(plan, link)
}

/// Becomes who the program runs as, waits for the parent's word and executes it.
fn into_program(plan: &ProcessPlan, link: &ChildLink<'_>) -> Outcome<Infallible> {
    session::join_keyring(plan.keyring.as_deref());
    command::label(plan)?;
    let link = session::close_files(plan, link)?;
    let home = home::find(plan);
    let deferred = credentials::working_directory(plan)?;
    credentials::assume(plan)?;
    if deferred {
        credentials::change_directory(plan)?;
    }
    credentials::check_working_directory()?;
    let path = command::find(&plan.command)?;
    link.send_ready().at(Step::Link)?;
    session::wait(plan, &link).at(Step::Link)?;
    if let Some(start) = &plan.start_hooks {
        hooks::run(&start.hooks, session::state(plan), Step::HookStartContainer)?;
    }
    credentials::finish(plan)?;
    Err(command::execute(plan, path, home.as_ref()))
}

fn end(result: Outcome<Infallible>, plan: &ProcessPlan, link: &ChildLink<'_>) -> ! {
    let Err(failure) = result;
    if failure.step != Step::Link {
        session::current_link(plan, link).send_failure(failure);
    }
    process::exit(1)
}
