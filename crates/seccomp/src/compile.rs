//! Rules to BPF.
//!
//! The program asks for the architecture, then finds the system call's number in a binary tree of
//! ranges that have the same verdict: six or seven comparisons for Docker's profile.

use gantry_oci::Seccomp;
use libc::sock_filter;

use crate::Error;
use crate::action::Action;
use crate::bpf::{
    ARCHITECTURE, JUMP_IF_EQUAL, JUMP_IF_GREATER_OR_EQUAL, LOAD, NUMBER, RETURN, branch, choose,
    statement,
};
use crate::condition::{Condition, To};
use crate::rules::{self, Table, Verdict};
use crate::syscalls::{Abi, X32_BIT};

/// The kernel's `BPF_MAXINSNS`.
const LONGEST: usize = 4096;

/// A filter as seccomp(2) takes it.
#[derive(Debug, Clone)]
pub struct Program {
    instructions: Vec<sock_filter>,
    flags: u32,
}

impl Program {
    /// The instructions, never more than 4096.
    pub fn instructions(&self) -> &[sock_filter] {
        &self.instructions
    }

    /// The flags for `SECCOMP_SET_MODE_FILTER`.
    pub fn flags(&self) -> u32 {
        self.flags
    }
}

/// Makes the BPF program of a filter.
///
/// System calls that no table knows are ignored, as libseccomp does. Calls newer than every one
/// that the rules name get ENOSYS unless the default is to let them pass, as runc does: programs
/// then fall back to an older call, which they would not do at EPERM.
pub fn compile(filter: &Seccomp) -> Result<Program, Error> {
    let default = Action::parse(&filter.default_action, filter.default_errno_ret)?;
    let tables = rules::tables(filter, &abis(filter)?)?;
    // The tree of an ABI that the filter does not name.
    let foreign = || vec![returns(Action::KILL_PROCESS)];
    let tree = |abi: Abi| {
        tables
            .iter()
            .find(|t| t.abi == abi)
            .map(|t| tree(t, default))
    };
    let native = choose(
        JUMP_IF_GREATER_OR_EQUAL,
        X32_BIT,
        tree(Abi::X32).unwrap_or_else(foreign),
        tree(Abi::X86_64).unwrap_or_else(foreign),
    );
    let mut instructions = vec![statement(LOAD, ARCHITECTURE)];
    let numbered = |tree| [vec![statement(LOAD, NUMBER)], tree].concat();
    let others = match tree(Abi::I386) {
        Some(tree) => choose(JUMP_IF_EQUAL, Abi::I386.audit(), numbered(tree), foreign()),
        None => foreign(),
    };
    instructions.extend(choose(
        JUMP_IF_EQUAL,
        Abi::X86_64.audit(),
        numbered(native),
        others,
    ));
    if instructions.len() > LONGEST {
        return Err(Error::TooLong(instructions.len()));
    }
    Ok(Program {
        instructions,
        flags: flags(filter)?,
    })
}

/// The ABIs that the filter covers; the native one always, as in libseccomp.
fn abis(filter: &Seccomp) -> Result<Vec<Abi>, Error> {
    let mut abis = vec![Abi::NATIVE];
    for name in &filter.architectures {
        if let Some(abi) = Abi::from_name(name)?
            && !abis.contains(&abi)
        {
            abis.push(abi);
        }
    }
    Ok(abis)
}

fn flags(filter: &Seccomp) -> Result<u32, Error> {
    // Without flags runc leaves speculation as it is: a filter alone is no reason to slow down
    // every program inside, which old kernels would do.
    if filter.flags.is_empty() {
        return Ok(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW as u32);
    }
    filter.flags.iter().try_fold(0, |flags, name| {
        let flag = match name.as_str() {
            "SECCOMP_FILTER_FLAG_TSYNC" => libc::SECCOMP_FILTER_FLAG_TSYNC,
            "SECCOMP_FILTER_FLAG_LOG" => libc::SECCOMP_FILTER_FLAG_LOG,
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => {
                libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
            }
            _ => return Err(Error::Flag(name.clone())),
        };
        Ok(flags | flag as u32)
    })
}

/// Numbers from `start` to the next range's, with the same verdict.
struct Range {
    start: u32,
    leaf: Vec<sock_filter>,
}

/// The search tree of one ABI; the accumulator holds the number.
fn tree(table: &Table, default: Action) -> Vec<sock_filter> {
    let bit = if table.abi == Abi::X32 { X32_BIT } else { 0 };
    let nothing = Verdict::default();
    let mut ranges: Vec<Range> = Vec::new();
    let mut last: Option<&Verdict> = None;
    for (number, verdict) in table.verdicts.iter().enumerate() {
        if last != Some(verdict) {
            ranges.push(Range {
                start: bit | number as u32,
                leaf: leaf(verdict, default),
            });
            last = Some(verdict);
        }
    }
    let newer = match default {
        Action::ALLOW | Action::LOG => default,
        _ if table.verdicts.is_empty() => default,
        _ => Action::ENOSYS,
    };
    let end = leaf(
        &Verdict {
            always: Some(newer),
            ..nothing
        },
        default,
    );
    ranges.push(Range {
        start: bit | table.verdicts.len() as u32,
        leaf: end,
    });
    search(&mut ranges)
}

fn search(ranges: &mut [Range]) -> Vec<sock_filter> {
    if let [only] = ranges {
        return std::mem::take(&mut only.leaf);
    }
    let (below, above) = ranges.split_at_mut(ranges.len() / 2);
    let from = above[0].start;
    choose(JUMP_IF_GREATER_OR_EQUAL, from, search(above), search(below))
}

/// What is done once the number is known.
fn leaf(verdict: &Verdict, default: Action) -> Vec<sock_filter> {
    if let Some(action) = verdict.always {
        return vec![returns(action)];
    }
    let mut leaf = Vec::new();
    for (conditions, action) in &verdict.conditional {
        leaf.extend(rule(conditions, *action));
    }
    leaf.push(returns(default));
    leaf
}

/// A rule's conditions; if one fails, what follows the rule is next.
fn rule(conditions: &[Condition], action: Action) -> Vec<sock_filter> {
    let conditions: Vec<_> = conditions.iter().map(Condition::steps).collect();
    let total: usize = conditions.iter().map(Vec::len).sum();
    let mut rule = Vec::with_capacity(total + 1);
    let mut end = 0;
    for steps in conditions {
        end += steps.len();
        for (code, k, then, or) in steps {
            let at = rule.len();
            // At most six arguments of six steps: always within a jump's reach.
            let distance = |to| match to {
                To::Next => 0,
                To::Holds => (end - at - 1) as u8,
                To::Fails => (total - at) as u8,
            };
            rule.push(branch(code, k, distance(then), distance(or)));
        }
    }
    rule.push(returns(action));
    rule
}

fn returns(action: Action) -> sock_filter {
    statement(RETURN, action.0)
}
