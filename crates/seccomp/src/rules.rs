//! A filter's rules, by system call number.

use gantry_oci::{Seccomp, SeccompArg};

use crate::Error;
use crate::action::Action;
use crate::condition::Condition;
use crate::syscalls::{self, Abi};

/// What the rules say of one system call in one ABI.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdict {
    /// In this order; the first whose conditions all hold decides.
    pub(crate) conditional: Vec<(Vec<Condition>, Action)>,
    /// A rule without conditions; it wins over those with, as in libseccomp.
    pub(crate) always: Option<Action>,
}

/// The rules of one ABI, indexed by number.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) abi: Abi,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Table {
    fn new(abi: Abi) -> Self {
        Self {
            abi,
            verdicts: Vec::new(),
        }
    }

    fn add(&mut self, number: u32, conditions: Vec<Condition>, action: Action) {
        let number = number as usize;
        if self.verdicts.len() <= number {
            self.verdicts.resize_with(number + 1, Verdict::default);
        }
        let verdict = &mut self.verdicts[number];
        if conditions.is_empty() {
            verdict.always.get_or_insert(action);
        } else {
            verdict.conditional.push((conditions, action));
        }
    }
}

/// Sorts the rules into one table per ABI; names that no table has are left out, as libseccomp
/// does with system calls that are another architecture's or another decade's.
pub(crate) fn tables(filter: &Seccomp, abis: &[Abi]) -> Result<Vec<Table>, Error> {
    let mut tables: Vec<_> = abis.iter().map(|abi| Table::new(*abi)).collect();
    for rule in &filter.syscalls {
        let action = Action::parse(&rule.action, rule.errno_ret)?;
        for name in &rule.names {
            let alternatives = alternatives(name, &rule.args)?;
            let numbers = syscalls::lookup(name);
            for table in &mut tables {
                let number = numbers.and_then(|numbers| numbers.of(table.abi));
                for conditions in &alternatives {
                    if let Some(number) = number {
                        table.add(number, conditions.clone(), action);
                    }
                    if table.abi == Abi::I386 {
                        add_multiplexed(table, name, conditions, action);
                    }
                }
            }
        }
    }
    Ok(tables)
}

/// The conditions of a rule, all of which must hold; several lists if any of them may.
///
/// Two conditions on one argument are alternatives: so did libseccomp before it could combine
/// them, and runc kept that meaning.
fn alternatives(name: &str, args: &[SeccompArg]) -> Result<Vec<Vec<Condition>>, Error> {
    let conditions: Vec<_> = args
        .iter()
        .map(|arg| Condition::parse(name, arg))
        .collect::<Result<_, _>>()?;
    let twice = |at: usize| {
        args[..at]
            .iter()
            .any(|earlier| earlier.index == args[at].index)
    };
    if (0..args.len()).any(twice) {
        return Ok(conditions
            .into_iter()
            .map(|condition| vec![condition])
            .collect());
    }
    Ok(vec![conditions])
}

/// i386 has two ways to most socket and System V IPC calls: by a number of their own, and through
/// `socketcall` and `ipc`, whose first argument names the call. A rule without conditions covers
/// both; the arguments of the second way lie in memory, where no filter can see them.
fn add_multiplexed(table: &mut Table, name: &str, conditions: &[Condition], action: Action) {
    if !conditions.is_empty() {
        return;
    }
    let Some(&(_, through, call)) = MULTIPLEXED.iter().find(|row| row.0 == name) else {
        return;
    };
    let number = syscalls::lookup(through).and_then(|numbers| numbers.of(table.abi));
    if let Some(number) = number {
        table.add(number, vec![Condition::equals(0, call)], action);
    }
}

/// The numbers of linux/net.h and linux/ipc.h.
const MULTIPLEXED: [(&str, &str, u64); 32] = [
    ("socket", "socketcall", 1),
    ("bind", "socketcall", 2),
    ("connect", "socketcall", 3),
    ("listen", "socketcall", 4),
    ("accept", "socketcall", 5),
    ("getsockname", "socketcall", 6),
    ("getpeername", "socketcall", 7),
    ("socketpair", "socketcall", 8),
    ("send", "socketcall", 9),
    ("recv", "socketcall", 10),
    ("sendto", "socketcall", 11),
    ("recvfrom", "socketcall", 12),
    ("shutdown", "socketcall", 13),
    ("setsockopt", "socketcall", 14),
    ("getsockopt", "socketcall", 15),
    ("sendmsg", "socketcall", 16),
    ("recvmsg", "socketcall", 17),
    ("accept4", "socketcall", 18),
    ("recvmmsg", "socketcall", 19),
    ("sendmmsg", "socketcall", 20),
    ("semop", "ipc", 1),
    ("semget", "ipc", 2),
    ("semctl", "ipc", 3),
    ("semtimedop", "ipc", 4),
    ("msgsnd", "ipc", 11),
    ("msgrcv", "ipc", 12),
    ("msgget", "ipc", 13),
    ("msgctl", "ipc", 14),
    ("shmat", "ipc", 21),
    ("shmdt", "ipc", 22),
    ("shmget", "ipc", 23),
    ("shmctl", "ipc", 24),
];
