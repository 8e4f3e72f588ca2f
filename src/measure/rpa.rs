//! Data loss: what of the acknowledged rows of canaries survived a promotion.

use super::Measure;
use crate::model::CanaryCount;
use crate::time::Span;

/// The loss that a count shows: the last acknowledgement minus that of the newest row of the unbroken surviving
/// prefix. Between two rows anything may have been written, so the true loss lies up to one interval to either side.
#[must_use]
pub fn data_loss(count: &CanaryCount) -> Measure {
    let Some((_, last)) = count.last_acknowledged.filter(|_| count.acknowledged > 0) else {
        return Measure::NotMeasured { why: format!("canary {}: no row was acknowledged before", count.canary) };
    };
    // Rows of a time that nobody watched may have been acknowledged, and lost, up to its end.
    let unwatched = count.unwatched.map(|(_, to)| to);
    if count.lost == 0 {
        return match unwatched {
            None => Measure::NoneLost { resolution: count.every },
            Some(to) => Measure::Between { lower: Span::ZERO, upper: to.since(last) + count.every },
        };
    }
    match count.prefix_end {
        Some((_, prefix)) => {
            let (value, most) = (last.since(prefix), unwatched.unwrap_or(last).max(last).since(prefix));
            Measure::Between { lower: value - count.every, upper: most + count.every }
        }
        // Not one row of the prefix is there: all that was written since the canary began, and who knows what before.
        None => Measure::MoreThan { lower: count.every * (count.acknowledged - 1) },
    }
}

/// The largest of several losses. One that was not measured, or has no upper end, outweighs all others.
#[must_use]
pub fn worst<'a>(losses: impl IntoIterator<Item = &'a Measure>) -> Option<Measure> {
    losses.into_iter().cloned().reduce(|one, other| {
        let lower = one.lower().max(other.lower()).unwrap_or(Span::ZERO);
        match (&one, &other) {
            (Measure::NoneLost { resolution: a }, Measure::NoneLost { resolution: b }) => {
                Measure::NoneLost { resolution: *a.max(b) }
            }
            (Measure::NotMeasured { .. }, _) | (_, Measure::NoneLost { .. }) => one,
            (_, Measure::NotMeasured { .. }) | (Measure::NoneLost { .. }, _) => other,
            _ => match (one.upper(), other.upper()) {
                (Some(a), Some(b)) => Measure::Between { lower, upper: a.max(b) },
                _ => Measure::MoreThan { lower },
            },
        }
    })
}
