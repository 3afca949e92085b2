//! How much more than chance: tails, bounds, and the control of false discoveries.

use std::sync::LazyLock;

/// Factorials up to this number are kept; larger ones are worked out anew.
const KEPT: u32 = 8192;

/// Natural logarithm of `n!`.
fn ln_factorial(n: u32) -> f64 {
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| (0..KEPT).map(ln_factorial_anew).collect());
    match TABLE.get(n as usize) {
        Some(&known) => known,
        None => ln_factorial_anew(n),
    }
}

fn ln_factorial_anew(n: u32) -> f64 {
    if n < 20 {
        return (2..=n).map(|k| f64::from(k).ln()).sum();
    }
    // Stirling's series; at 20 the error is below 1e-12.
    let x = f64::from(n) + 1.0;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + 1.0 / (12.0 * x)
        - 1.0 / (360.0 * x.powi(3))
}

fn ln_choose(n: u32, k: u32) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Probability of at least `hits` successes in `trials`, each with `chance`.
///
/// Used with the mean of unequal chances: by Hoeffding's inequality of 1956 the result is then not smaller than the true one
/// as soon as `hits` lies above the expected number by one, which is the only case of interest.
pub fn binomial_tail(trials: u32, hits: u32, chance: f64) -> f64 {
    if hits == 0 || chance >= 1.0 {
        return 1.0;
    }
    if hits > trials || chance <= 0.0 {
        return 0.0;
    }
    let (ln_p, ln_q) = (chance.ln(), (-chance).ln_1p());
    let mean = f64::from(trials) * chance;
    let odds = chance / (1.0 - chance);
    let mut term = binomial_term(trials, hits, ln_p, ln_q);
    let mut sum = 0.0;
    for k in hits..=trials {
        sum += term;
        let above = f64::from(k) > mean + 1.0;
        // Above the mean the terms fall: once one is too small to be seen in the sum, so are all that follow.
        if above && term <= sum * NEGLIGIBLE {
            break;
        }
        term = match k + 1 {
            // Each from the one before it; below the mean that one may be too small for a double.
            next if above => term * odds * f64::from(trials - k) / f64::from(next),
            next if next <= trials => binomial_term(trials, next, ln_p, ln_q),
            _ => break,
        };
    }
    sum.min(1.0)
}

/// A summand below this part of a sum leaves a double as it is.
const NEGLIGIBLE: f64 = f64::EPSILON / 8.0;

fn binomial_term(trials: u32, k: u32, ln_p: f64, ln_q: f64) -> f64 {
    (ln_choose(trials, k) + f64::from(k) * ln_p + f64::from(trials - k) * ln_q).exp()
}

/// Whether [`binomial_tail`] is below a limit of at most a thousandth, mostly without working it out.
pub fn binomial_tail_is_below(limit: f64, trials: u32, hits: u32, chance: f64) -> bool {
    let (n, k) = (f64::from(trials), f64::from(hits));
    if hits > 0 && hits <= trials && chance > 0.0 && chance < 1.0 {
        let (mean, above) = (n * chance, k - n * chance);
        // The median is the mean, rounded down or up. Beyond it the tail is larger than that of the normal distribution (Slud,
        // Distribution inequalities for the binomial law, 1977), which has 0.00135 left at three standard deviations.
        let near = above * above <= 9.0 * mean * (1.0 - chance);
        let may_compare = chance <= 0.25 || (chance <= 0.5 && k <= n * (1.0 - chance));
        if k <= mean.floor() || (near && above >= 0.0 && may_compare) {
            return false;
        }
        // The first term alone is a part of the tail.
        if binomial_term(trials, hits, chance.ln(), (-chance).ln_1p()) >= limit {
            return false;
        }
    }
    binomial_tail(trials, hits, chance) < limit
}

/// Two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// Lower end of the 95 % Wilson interval of the share `hits / trials`.
pub fn wilson_lower(trials: u32, hits: u32) -> f64 {
    if trials == 0 {
        return 0.0;
    }
    let (n, share) = (f64::from(trials), f64::from(hits) / f64::from(trials));
    let centre = share + Z * Z / (2.0 * n);
    let margin = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - margin) / (1.0 + Z * Z / n)).clamp(0.0, 1.0)
}

/// Fisher's exact test, one-sided: probability that the first of two groups gets so many (`first.0` of `first.1`) or more of all successes by chance.
pub fn fisher_greater(first: (u32, u32), second: (u32, u32)) -> f64 {
    let (successes, trials) = (first.0 + second.0, first.1 + second.1);
    let most = successes.min(first.1);
    let all = ln_choose(trials, successes);
    (first.0..=most)
        .filter(|&k| successes - k <= second.1)
        .map(|k| (ln_choose(first.1, k) + ln_choose(second.1, successes - k) - all).exp())
        .sum::<f64>()
        .min(1.0)
}

/// One group is clearly better when the other has less than this part of its share …
const CONTRAST: f64 = 0.5;
/// … and chance would make such a difference more rarely than this.
const CONTRAST_P: f64 = 0.05;

/// Whether one group (hits and opportunities) has something clearly more often than another, paid for so many groups to choose from.
pub fn is_clearly_better(one: (u32, u32), other: (u32, u32), groups: f64) -> bool {
    let share = |(hits, trials): (u32, u32)| f64::from(hits) / f64::from(trials.max(1));
    share(other) < CONTRAST * share(one) && fisher_greater(one, other) * groups < CONTRAST_P
}

/// Probability of a standard normal above `z`: the bound of Mills' ratio, which is never too small, from one on.
pub fn normal_tail(z: f64) -> f64 {
    if z < 1.0 {
        return 1.0;
    }
    ((-z * z / 2.0).exp() / (z * (2.0 * std::f64::consts::PI).sqrt())).min(1.0)
}

/// Probability of at least `count` where `expected` are expected.
pub fn poisson_tail(count: u32, expected: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    if expected <= 0.0 {
        return 0.0;
    }
    let term = |k: u32| (f64::from(k) * expected.ln() - expected - ln_factorial(k)).exp();
    // From above, where the terms fall; below the mean from below.
    if f64::from(count) > expected {
        (count..count + 200).map(term).sum::<f64>().min(1.0)
    } else {
        (1.0 - (0..count).map(term).sum::<f64>()).clamp(0.0, 1.0)
    }
}

/// Logarithm of the largest likelihood of so many successes in so many trials.
pub fn ln_likelihood(successes: usize, trials: usize) -> f64 {
    let (k, n) = (successes as f64, trials as f64);
    let term = |part: f64| {
        if part > 0.0 {
            part * (part / n).ln()
        } else {
            0.0
        }
    };
    term(k) + term(n - k)
}

/// Middle and quarter points of numbers, which are put in order: quarter, half, three quarters. Zeros for none.
pub fn quartiles(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| {
        let place = part * (values.len().max(1) - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let value = |index: usize| values.get(index).copied().unwrap_or(0.0);
        value(low) + (value(high) - value(low)) * (place - low as f64)
    };
    (at(0.25), at(0.5), at(0.75))
}

/// Benjamini and Hochberg's adjusted p-values (q-values), in the order given. `tried` is the number of hypotheses of the
/// whole run, of which `p_values` are those that were worth writing down; the others count as p = 1.
pub fn q_values(p_values: &[f64], tried: usize) -> Vec<f64> {
    let tried = tried.max(p_values.len()) as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (place, &index) in order.iter().enumerate() {
        let rank = (p_values.len() - place) as f64;
        smallest = smallest.min(p_values[index] * tried / rank);
        q_values[index] = smallest;
    }
    q_values
}

/// Q-values of all groups, one after the other, in the order given. `tried` is the number of hypotheses of each group.
///
/// Every group gets the same share of the error, however many hypotheses it has: a hundred thousand pairs do not drown five
/// hundred times of the day. Weights that do not depend on the p-values keep Benjamini and Hochberg's promise for all groups
/// together (Genovese, Roeder and Wasserman, *False discovery control with p-value weighting*, 2006).
pub fn group_q_values(groups: &[Vec<f64>], tried: &[usize]) -> Vec<f64> {
    let all: usize = tried.iter().sum();
    let weighted: Vec<f64> = groups
        .iter()
        .zip(tried)
        .flat_map(|(p_values, &of_group)| {
            let weight = all as f64 / (groups.len() * of_group.max(1)) as f64;
            p_values.iter().map(move |p_value| p_value / weight)
        })
        .collect();
    q_values(&weighted, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!(
            (left - right).abs() <= 1e-9 * right.abs().max(1e-9),
            "{left} is not {right}"
        );
    }

    #[test]
    fn the_binomial_tail_agrees_with_sums_by_hand() {
        close(binomial_tail(3, 2, 0.5), 0.5);
        close(binomial_tail(10, 10, 0.1), 1e-10);
        close(binomial_tail(4, 1, 0.25), 1.0 - 0.75_f64.powi(4));
        close(binomial_tail(60, 0, 0.3), 1.0);
        close(binomial_tail(5, 6, 0.3), 0.0);
        // 1 - P(X <= 39) for n = 100, p = 0.3, from exact rational arithmetic.
        assert!(
            (binomial_tail(100, 40, 0.3) - 0.020_988_576_0).abs() < 1e-7,
            "{}",
            binomial_tail(100, 40, 0.3)
        );
    }

    #[test]
    fn what_is_below_a_limit_is_known_without_the_whole_tail() {
        for trials in [1, 5, 28, 60, 351] {
            for hits in 0..=trials {
                for chance in [0.0, 0.001, 0.06, 0.2, 0.25, 0.3, 0.5, 0.7, 0.99, 1.0] {
                    let tail = binomial_tail(trials, hits, chance);
                    assert_eq!(
                        binomial_tail_is_below(1e-3, trials, hits, chance),
                        tail < 1e-3,
                        "{hits} of {trials} at {chance}: {tail}"
                    );
                }
            }
        }
    }

    #[test]
    fn factorials_agree_on_both_sides_of_the_seam() {
        let by_sum = |n: u32| (2..=n).map(|k| f64::from(k).ln()).sum::<f64>();
        for n in [0, 1, 19, 20, 21, 170, 1000] {
            assert!(
                (ln_factorial(n) - by_sum(n)).abs() < 1e-9 * by_sum(n).max(1.0),
                "{n}"
            );
        }
    }

    #[test]
    fn the_wilson_bound_is_modest_with_few_days() {
        assert!((wilson_lower(10, 10) - 0.722_467).abs() < 1e-5);
        assert!(
            (wilson_lower(21, 19) - 0.710_87).abs() < 1e-3,
            "{}",
            wilson_lower(21, 19)
        );
        assert!(wilson_lower(3, 3) < 0.45);
        close(wilson_lower(0, 0), 0.0);
    }

    #[test]
    fn fisher_sees_a_difference_between_weekdays_and_weekends() {
        assert!(fisher_greater((9, 10), (0, 4)) < 0.01);
        assert!(fisher_greater((9, 10), (4, 4)) > 0.5);
        close(fisher_greater((1, 1), (0, 1)), 0.5);
    }

    #[test]
    fn q_values_rise_with_everything_that_was_tried() {
        let few = q_values(&[0.001, 0.02, 0.5], 3);
        close(few[0], 0.003);
        close(few[1], 0.03);
        let many = q_values(&[0.001, 0.02, 0.5], 300);
        close(many[0], 0.3);
        assert!(many.iter().all(|&q| q <= 1.0));
        // Monotone: a smaller p never has the larger q.
        let tied = q_values(&[0.01, 0.011, 0.012], 3);
        close(tied[0], 0.012);
    }
}
