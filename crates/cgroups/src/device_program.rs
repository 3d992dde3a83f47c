//! Device rules as a BPF program of type `BPF_PROG_TYPE_CGROUP_DEVICE`.
//!
//! The kernel calls it with `struct bpf_cgroup_dev_ctx` (`include/uapi/linux/bpf.h`): the access
//! asked for in the upper half of the first word and the kind of device in its lower half, then
//! the major and the minor number. It allows what returns 1.

use gantry_oci::DeviceRule;
use gantry_sys::bpf::Instruction;

use crate::{Error, Result};

// `BPF_DEVCG_DEV_*` and `BPF_DEVCG_ACC_*`.
const BLOCK: i32 = 1;
const CHAR: i32 = 2;
const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;
const ALL: i32 = MKNOD | READ | WRITE;

// Opcodes of `Documentation/bpf/standardization/instruction-set.rst`.
const LOAD_WORD: u8 = 0x61;
const MOVE_IMM: u8 = 0xb4;
const MOVE_REG: u8 = 0xbc;
const AND_IMM: u8 = 0x54;
const SHIFT_RIGHT_IMM: u8 = 0x74;
const JUMP_IF_EQUAL_IMM: u8 = 0x15;
const JUMP_UNLESS_EQUAL_IMM: u8 = 0x55;
const JUMP_UNLESS_EQUAL_REG: u8 = 0x5d;
const EXIT: u8 = 0x95;

// Where the program keeps what it was asked.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// Whether a rule speaks of every device and every access.
pub(crate) fn is_everything(rule: &DeviceRule) -> bool {
    let any = |n: Option<i64>| n.is_none_or(|n| n < 0);
    let all = rule
        .access
        .as_deref()
        .is_none_or(|a| ['r', 'w', 'm'].iter().all(|c| a.contains(*c)));
    rule.kind.as_deref().is_none_or(|k| k == "a") && any(rule.major) && any(rule.minor) && all
}

/// The rules from the last that speaks of everything on: what came before it counts no more.
pub(crate) fn effective(rules: &[DeviceRule]) -> &[DeviceRule] {
    let from = rules.iter().rposition(is_everything).unwrap_or(0);
    &rules[from..]
}

/// Makes the program. Later rules go before earlier ones; what no rule names is denied.
pub(crate) fn build(rules: &[DeviceRule]) -> Result<Vec<Instruction>> {
    let mut program = vec![
        op(LOAD_WORD, KIND, CONTEXT, 0, 0),
        op(MOVE_REG, ACCESS, KIND, 0, 0),
        op(SHIFT_RIGHT_IMM, ACCESS, 0, 0, 16),
        op(AND_IMM, KIND, 0, 0, 0xffff),
        op(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        op(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    let mut reached_everything = false;
    for rule in merged(effective(rules)).iter().rev() {
        program.extend(one_rule(rule)?);
        // The verifier refuses instructions that cannot be reached.
        reached_everything = is_everything(rule);
        if reached_everything {
            break;
        }
    }
    if !reached_everything {
        program.extend(verdict(false));
    }
    Ok(program)
}

fn op(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction::new(code, destination, source, offset, immediate)
}

fn verdict(allow: bool) -> [Instruction; 2] {
    [
        op(MOVE_IMM, RESULT, 0, 0, i32::from(allow)),
        op(EXIT, 0, 0, 0, 0),
    ]
}

/// Joins neighbours that allow different accesses to the same device: one request may need both.
fn merged(rules: &[DeviceRule]) -> Vec<DeviceRule> {
    let mut merged: Vec<DeviceRule> = Vec::with_capacity(rules.len());
    for rule in rules {
        let same = |last: &&mut DeviceRule| {
            (last.allow && rule.allow)
                && (&last.kind, last.major, last.minor) == (&rule.kind, rule.major, rule.minor)
        };
        match merged.last_mut().filter(same) {
            Some(last) => {
                let access = |r: &DeviceRule| r.access.clone().unwrap_or_else(|| "rwm".to_owned());
                last.access = Some(access(last) + &access(rule));
            }
            None => merged.push(rule.clone()),
        }
    }
    merged
}

/// Tests that all lead past the verdict, and the verdict.
fn one_rule(rule: &DeviceRule) -> Result<Vec<Instruction>> {
    let mut tests = Vec::new();
    if let Some(kind) = kind(rule)? {
        tests.push(op(JUMP_UNLESS_EQUAL_IMM, KIND, 0, 0, kind));
    }
    let access = access(rule)?;
    if access != ALL {
        tests.push(op(MOVE_REG, SCRATCH, ACCESS, 0, 0));
        tests.push(op(AND_IMM, SCRATCH, 0, 0, access));
        // To be allowed, all that is asked must be in the rule; to be denied, any of it.
        tests.push(if rule.allow {
            op(JUMP_UNLESS_EQUAL_REG, SCRATCH, ACCESS, 0, 0)
        } else {
            op(JUMP_IF_EQUAL_IMM, SCRATCH, 0, 0, 0)
        });
    }
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number.filter(|n| *n >= 0) {
            let number = i32::try_from(number).map_err(|_| invalid(rule, "a number is too big"))?;
            tests.push(op(JUMP_UNLESS_EQUAL_IMM, register, 0, 0, number));
        }
    }
    let length = tests.len();
    for (at, test) in tests.iter_mut().enumerate() {
        if test.is_jump() {
            // Offsets count from the next instruction; the verdict has two.
            test.offset = (length - at - 1 + 2) as i16;
        }
    }
    tests.extend(verdict(rule.allow));
    Ok(tests)
}

fn kind(rule: &DeviceRule) -> Result<Option<i32>> {
    match rule.kind.as_deref() {
        None | Some("a") => Ok(None),
        Some("b") => Ok(Some(BLOCK)),
        Some("c" | "u") => Ok(Some(CHAR)),
        Some(_) => Err(invalid(rule, "the kind must be a, b or c")),
    }
}

fn access(rule: &DeviceRule) -> Result<i32> {
    let Some(access) = &rule.access else {
        return Ok(ALL);
    };
    access.chars().try_fold(0, |bits, c| match c {
        'r' => Ok(bits | READ),
        'w' => Ok(bits | WRITE),
        'm' => Ok(bits | MKNOD),
        _ => Err(invalid(rule, "the access must be of r, w and m")),
    })
}

fn invalid(rule: &DeviceRule, why: &'static str) -> Error {
    Error::InvalidValue {
        what: "device rule",
        value: format!("{rule:?}"),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would.
    fn run(program: &[Instruction], kind: i32, access: i32, major: i32, minor: i32) -> bool {
        let mut r = [0_u32; 11];
        let context = [(access << 16 | kind) as u32, major as u32, minor as u32];
        let mut at = 0;
        loop {
            let i = program[at];
            at += 1;
            let (d, s) = (i.destination() as usize, i.source() as usize);
            let jump = match i.code {
                LOAD_WORD => {
                    r[d] = context[i.offset as usize / 4];
                    false
                }
                MOVE_IMM => {
                    r[d] = i.immediate as u32;
                    false
                }
                MOVE_REG => {
                    r[d] = r[s];
                    false
                }
                AND_IMM => {
                    r[d] &= i.immediate as u32;
                    false
                }
                SHIFT_RIGHT_IMM => {
                    r[d] >>= i.immediate as u32;
                    false
                }
                JUMP_IF_EQUAL_IMM => r[d] == i.immediate as u32,
                JUMP_UNLESS_EQUAL_IMM => r[d] != i.immediate as u32,
                JUMP_UNLESS_EQUAL_REG => r[d] != r[s],
                EXIT => return r[0] != 0,
                code => panic!("opcode {code:#x}"),
            };
            if jump {
                at = (at as i64 + i64::from(i.offset)) as usize;
            }
        }
    }

    fn rule(allow: bool, text: &str) -> DeviceRule {
        let mut parts = text.split([' ', ':']);
        let kind = parts.next().map(str::to_owned);
        let mut number = || parts.next().and_then(|n| n.parse().ok());
        let (major, minor) = (number(), number());
        DeviceRule {
            allow,
            kind,
            major,
            minor,
            access: parts.next().map(str::to_owned),
        }
    }

    #[test]
    fn docker_like_rules() {
        let rules = [
            rule(true, "c 10:229 rwm"),
            DeviceRule::default(),
            rule(true, "c *:* m"),
            rule(true, "c 1:3 rwm"),
            rule(true, "c 136:* rwm"),
            rule(true, "b 8:1 r"),
            rule(true, "b 8:1 w"),
        ];
        let program = build(&rules).unwrap();
        assert!(run(&program, CHAR, READ | WRITE, 1, 3));
        assert!(
            run(&program, CHAR, MKNOD, 10, 229),
            "mknod of any is allowed"
        );
        assert!(
            !run(&program, CHAR, READ, 10, 229),
            "a rule before deny-all counts no more"
        );
        assert!(
            !run(&program, CHAR, READ | MKNOD, 10, 229),
            "only a part is allowed"
        );
        assert!(run(&program, CHAR, READ, 136, 77));
        assert!(
            run(&program, BLOCK, READ | WRITE, 8, 1),
            "neighbours are joined"
        );
        assert!(!run(&program, BLOCK, MKNOD, 8, 1));
        assert!(!run(&program, BLOCK, READ, 1, 3), "the kind counts");
    }

    #[test]
    fn allow_all_with_an_exception() {
        let everything = DeviceRule {
            allow: true,
            ..DeviceRule::default()
        };
        let program = build(&[everything.clone(), rule(false, "b 8:* w")]).unwrap();
        assert!(!run(&program, BLOCK, WRITE | READ, 8, 0));
        assert!(run(&program, BLOCK, READ, 8, 0) && run(&program, BLOCK, WRITE, 9, 0));
        assert_eq!(build(&[everything]).unwrap().len(), 8, "no unreachable end");
    }

    #[test]
    fn what_no_rule_names_is_denied() {
        let program = build(&[rule(true, "c 1:3 rw")]).unwrap();
        assert!(run(&program, CHAR, READ, 1, 3) && !run(&program, CHAR, READ, 1, 5));
        assert!(build(&[rule(true, "x 1:3 rw")]).is_err());
        assert!(build(&[rule(true, "c 1:3 q")]).is_err());
    }
}
