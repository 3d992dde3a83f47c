//! Columns, as Docker's lists have them.

/// A column is at least this wide, the space behind it included.
const LEAST: usize = 10;
/// Spaces between two columns.
const GAP: usize = 3;

/// Lays out rows whose cells are separated by tabs. The last cell of a row is not padded.
pub(crate) fn align(text: &str) -> String {
    align_from(text, LEAST)
}

/// The same with wider columns, as `top` has them.
pub(crate) fn align_wide(text: &str) -> String {
    align_from(text, 20)
}

/// The same with columns that are only as wide as their cells, as a build's answers have them.
pub(crate) fn align_narrow(text: &str) -> String {
    align_from(text, 0)
}

fn align_from(text: &str, least: usize) -> String {
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    let widths = widths(&rows, least);
    let mut out = String::with_capacity(text.len() * 2);
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < row.len() {
                let used = cell.chars().count();
                out.extend(std::iter::repeat_n(' ', widths[column] - used));
            }
        }
        out.push('\n');
    }
    out
}

fn widths(rows: &[Vec<&str>], least: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
            let wanted = (cell.chars().count() + GAP).max(least);
            match widths.get_mut(column) {
                Some(width) => *width = (*width).max(wanted),
                None => widths.push(wanted),
            }
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_docker_s() {
        assert_eq!(
            align("ID\tNAME\tX\n0123456789ab\tn\ty\n"),
            "ID             NAME      X\n0123456789ab   n         y\n"
        );
    }
}
