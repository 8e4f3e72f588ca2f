//! Corrective actions as a table for the terminal.

use comfy_table::ColumnConstraint;

use super::Style;
use super::clean::line;
use super::text::table;

/// An action in a list, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionRow {
    /// Its name: `RUN:NUMBER`.
    pub action: String,
    /// What is to be done.
    pub text: String,
    /// Who does it.
    pub owner: String,
    /// Until when.
    pub due: String,
    /// Open, or how it was closed.
    pub state: String,
}

/// The rows as a table.
#[must_use]
pub fn text(rows: &[ActionRow], style: &Style) -> String {
    if rows.is_empty() {
        return "No corrective action is open.\n".to_owned();
    }
    let mut table = table(&["Action", "What", "Owner", "Due", "State"], style);
    for row in rows {
        table.add_row([&row.action, &row.text, &row.owner, &row.due, &row.state].map(|text| line(text, 300)));
    }
    // The name is what people copy from here: it is never broken.
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    format!("{}\n", table.trim_fmt())
}
