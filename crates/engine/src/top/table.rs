//! `ps`'s table, cut down to some processes.

use gantry_api_types::TopResponse;

use crate::Error;

/// Refuses arguments under which the column of process IDs would have another name: that column
/// says whose processes they are.
pub(super) fn check(arguments: &str) -> Result<(), Error> {
    // `-o pid=NAME`, also after other columns.
    for word in arguments.split(|c: char| c.is_whitespace() || c == ',') {
        let word = word
            .trim_start_matches("-o")
            .trim_start_matches("--format=");
        if word.to_ascii_lowercase().starts_with("pid=")
            && word.len() > "pid=".len()
            && &word[4..] != "PID"
        {
            return Err(Error::Invalid(format!(
                "specifying \"{word}\" is not allowed"
            )));
        }
    }
    Ok(())
}

/// Reads the table; rows of other processes are left out.
pub(super) fn parse(output: &str, pids: &[u32]) -> Result<TopResponse, Error> {
    let mut lines = output.lines();
    let titles: Vec<String> = words(lines.next().unwrap_or_default());
    let column = titles
        .iter()
        .position(|title| title == "PID")
        .ok_or_else(|| Error::Internal("Couldn't find PID field in ps output".to_owned()))?;
    let mut processes: Vec<Vec<String>> = Vec::new();
    // Rows without a PID of their own are threads of the process above them.
    let mut inside = false;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let row = row(line, titles.len());
        let pid = row.get(column).map(String::as_str).unwrap_or_default();
        if pid != "-" {
            let number: u32 = pid.parse().map_err(|_| {
                Error::Internal(format!("Unexpected pid '{pid}' in the output of ps"))
            })?;
            inside = pids.contains(&number);
        }
        if inside {
            processes.push(row);
        }
    }
    Ok(TopResponse { titles, processes })
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// As many fields as there are titles; the last takes the rest.
fn row(line: &str, count: usize) -> Vec<String> {
    let mut fields = words(line);
    if fields.len() > count && count > 0 {
        let rest = fields.split_off(count - 1).join(" ");
        fields.push(rest);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_containers_processes_are_shown() {
        let output = "UID PID PPID CMD\nroot 1 0 /sbin/init splash\nroot 42 1 sh -c sleep 5\n";
        let table = parse(output, &[42]).unwrap();
        assert_eq!(table.titles, ["UID", "PID", "PPID", "CMD"]);
        assert_eq!(table.processes, [["root", "42", "1", "sh -c sleep 5"]]);
        assert!(parse("UID CMD\nroot x\n", &[1]).is_err());
    }

    #[test]
    fn threads_belong_to_the_process_above() {
        let output = "PID LWP CMD\n7 - a\n- 7 -\n8 - b\n- 8 -\n";
        assert_eq!(parse(output, &[7]).unwrap().processes.len(), 2);
    }

    #[test]
    fn the_pid_column_keeps_its_name() {
        assert!(check("-o user,pid,cmd").is_ok());
        assert!(check("-o pid=PID").is_ok());
        assert!(check("-o pid=X").is_err());
        assert!(check("-o user,pid=X").is_err());
        assert!(check("-eo ppid=X,pid").is_ok());
    }
}
