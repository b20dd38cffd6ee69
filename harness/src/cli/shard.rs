use std::env;

use crate::run::Shard;

/// Reads `K/N`, or for `auto` what the pipeline says in its variables.
///
/// # Errors
/// What is wrong, for a person to read.
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    match text {
        "auto" => of_pipeline(|name| env::var(name).ok().filter(|value| !value.is_empty())),
        text => text.parse().map_err(|error| format!("{error}, or auto")),
    }
}

/// How a pipeline tells each of several jobs which of them it is.
struct Pipeline {
    name: &'static str,
    /// The variable with the job's number.
    index: &'static str,
    /// The variable with how many there are.
    count: &'static str,
    /// The number of the first job.
    first: u32,
}

const PIPELINES: [Pipeline; 4] = [
    Pipeline { name: "GitLab", index: "CI_NODE_INDEX", count: "CI_NODE_TOTAL", first: 1 },
    Pipeline { name: "CircleCI", index: "CIRCLE_NODE_INDEX", count: "CIRCLE_NODE_TOTAL", first: 0 },
    Pipeline {
        name: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        count: "BUILDKITE_PARALLEL_JOB_COUNT",
        first: 0,
    },
    // An indexed job does not tell its pods how many they are.
    Pipeline {
        name: "Kubernetes",
        index: "JOB_COMPLETION_INDEX",
        count: "SOCKSPEC_SHARDS",
        first: 0,
    },
];

fn of_pipeline(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let found = PIPELINES.iter().find_map(|pipeline| Some((pipeline, variable(pipeline.index)?)));
    let Some((Pipeline { index, count, first, .. }, value)) = found else {
        // GitLab says so of a job that is alone.
        return match variable("CI_NODE_TOTAL").as_deref() {
            Some("1") => "1/1".parse(),
            _ => Err(format!("no variable says which part this is: {}", expected())),
        };
    };
    let all = variable(count).ok_or_else(|| format!("{index} is set, but {count} is not"))?;
    let number = |name: &str, value: &str, from: u32, to: u32| {
        let number = value.trim().parse().ok().filter(|number| (from..=to).contains(number));
        number.ok_or_else(|| {
            let range = if to == u32::MAX {
                format!("from {from}")
            } else {
                format!("from {from} to {to}")
            };
            format!("{name} is `{value}`, expected a whole number {range}")
        })
    };
    let all: u32 = number(count, &all, 1, u32::MAX)?;
    let own: u32 = number(index, &value, *first, all - 1 + first)?;
    format!("{}/{all}", own - first + 1).parse()
}

/// The variables that are looked at.
fn expected() -> String {
    let pairs = PIPELINES
        .map(|Pipeline { name, index, count, .. }| format!("{index} with {count} ({name})"));
    format!("expected {}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<Shard, String> {
        of_pipeline(|name| {
            let (_, value) = variables.iter().find(|(one, _)| *one == name)?;
            Some((*value).to_owned())
        })
    }

    #[rstest]
    #[case::gitlab(&[("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "3")], "3/3")]
    #[case::gitlab_alone(&[("CI_NODE_TOTAL", "1")], "1/1")]
    #[case::circle(&[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "4")], "1/4")]
    #[case::buildkite(
        &[("BUILDKITE_PARALLEL_JOB", "4"), ("BUILDKITE_PARALLEL_JOB_COUNT", "5")],
        "5/5"
    )]
    #[case::kubernetes(&[("JOB_COMPLETION_INDEX", "1"), ("SOCKSPEC_SHARDS", "3")], "2/3")]
    #[case::kubernetes_from_gitlab(
        &[("CI_NODE_TOTAL", "1"), ("JOB_COMPLETION_INDEX", "1"), ("SOCKSPEC_SHARDS", "3")],
        "2/3"
    )]
    fn each_pipeline_counts_in_its_way(#[case] variables: &[(&str, &str)], #[case] shard: &str) {
        assert_eq!(found(variables), shard.parse());
    }

    #[rstest]
    #[case::nothing(&[], "no variable says which part this is: expected CI_NODE_INDEX with CI_NODE_TOTAL (GitLab), CIRCLE_NODE_INDEX with CIRCLE_NODE_TOTAL (CircleCI), BUILDKITE_PARALLEL_JOB with BUILDKITE_PARALLEL_JOB_COUNT (Buildkite), JOB_COMPLETION_INDEX with SOCKSPEC_SHARDS (Kubernetes)")]
    #[case::half(&[("JOB_COMPLETION_INDEX", "1")], "JOB_COMPLETION_INDEX is set, but SOCKSPEC_SHARDS is not")]
    #[case::no_number(&[("CI_NODE_INDEX", "x"), ("CI_NODE_TOTAL", "2")], "CI_NODE_INDEX is `x`, expected a whole number from 1 to 2")]
    #[case::none_at_all(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "0")], "CI_NODE_TOTAL is `0`, expected a whole number from 1")]
    #[case::beyond(&[("CIRCLE_NODE_INDEX", "2"), ("CIRCLE_NODE_TOTAL", "2")], "CIRCLE_NODE_INDEX is `2`, expected a whole number from 0 to 1")]
    fn what_is_missing_or_wrong_is_named(#[case] variables: &[(&str, &str)], #[case] said: &str) {
        assert_eq!(found(variables), Err(said.to_owned()));
    }

    #[test]
    fn what_is_given_is_taken() {
        assert_eq!(shard("2/5"), "2/5".parse());
        let error = shard("6/5").expect_err("there is no sixth");
        assert!(error.ends_with("such as 2/5, or auto"), "{error}");
    }
}
