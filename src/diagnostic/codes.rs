//! Every code that a diagnostic may carry, with what it means: the table behind the documentation of the codes.
//!
//! M001 to M029: the text and its types. M030 to M199: playbooks and infrastructure files.

/// A code and its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `M` and three digits.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why that is refused or warned about, and what to write instead.
    pub explanation: &'static str,
}

/// The entry of a code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code == code)
}

/// The codes that warn: what they tell of is accepted, and can be silenced in place. M060 is an error in a rehearsal and
/// a warning in a drill.
pub const WARNINGS: &[&str] = &[
    "M058", "M060", "M063", "M064", "M065", "M066", "M085", "M086", "M087", "M088", "M089", "M090", "M091", "M092",
    "M093", "M094", "M095", "M096", "M097", "M099", "M148",
];

/// Whether a code is ever a warning.
#[must_use]
pub fn may_be_a_warning(code: &str) -> bool {
    WARNINGS.contains(&code)
}

const fn code(code: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { code, title, explanation }
}

/// All codes, in order.
pub const CODES: &[Code] = &[
    code(
        "M001",
        "the file is not UTF-8",
        "Playbooks and infrastructure files are UTF-8 text. Save the file as UTF-8; the place is that of the first byte which is not.",
    ),
    code(
        "M002",
        "the file is too large",
        "A file may have 16 MiB. Split the drill with `playbook:` steps, or generate fewer steps.",
    ),
    code(
        "M003",
        "a character that does not belong into a text file",
        "Control characters, bytes of zero and characters that reverse the direction of text can make a file look different from what it does, so they are refused, also when written as escapes. Line feeds, carriage returns and tabs are fine.",
    ),
    code(
        "M004",
        "not well-formed YAML",
        "The text cannot be read as YAML 1.2, so nothing after this place was looked at. Often text with `: `, ` #` or `{{` in it lacks quotes, or a line is indented differently from its neighbours.",
    ),
    code("M005", "nested too deeply", "Lists and mappings may be nested 64 deep. No playbook needs that."),
    code(
        "M006",
        "too many values",
        "A file may hold 1,000,000 keys and values. Split the drill with `playbook:` steps.",
    ),
    code(
        "M007",
        "more than one document",
        "A file holds one YAML document. Move what follows the second `---` into a file of its own.",
    ),
    code("M008", "the file is empty", "The file has no content apart from comments and blank lines."),
    code(
        "M009",
        "an anchor or an alias",
        "Anchors (`&name`) and aliases (`*name`) make it hard to see what a step does and can blow up a small file. Write the value out, or use a variable: `vars:` and `{{ var.name }}`. Text that starts with `&` or `*` needs quotes.",
    ),
    code(
        "M010",
        "a tag",
        "Tags (`!name`, `!!type`) change what a value is. Each value has the type that its key demands; remove the tag. Text that starts with `!` needs quotes.",
    ),
    code("M011", "a merge key", "The merge key `<<` is not part of YAML 1.2. Write the keys out."),
    code(
        "M012",
        "a key that is there twice",
        "Of two equal keys in one mapping only one could count, and the reader could not know which. Remove or rename one.",
    ),
    code(
        "M013",
        "a key that is not plain text",
        "A key must be a word or a quoted text, not a list, a mapping or nothing. Text with `{{ ... }}` needs quotes, because `{` starts a mapping.",
    ),
    code("M014", "too many problems", "Only the first problems of this part were looked for. Mend them and try again."),
    code(
        "M020",
        "an unknown key",
        "The key is not known here, so what it says would be ignored. The help line names the nearest known key, if one is near.",
    ),
    code("M021", "a missing key", "The mapping lacks a key that it must have."),
    code(
        "M022",
        "a value of the wrong type",
        "The value is not of the type that its key demands: text where a number is wanted, a list where a mapping is, a duration without its unit. Text that looks like a number, `true`, `false` or `null` needs quotes.",
    ),
    code("M023", "an unknown value", "The value is none of those that its key allows."),
    code(
        "M024",
        "a value that is not allowed",
        "The value has the right type, but breaks a rule of its key; the message says which.",
    ),
    code(
        "M025",
        "a template that cannot be filled",
        "A `{{ name }}` in a text could not be filled: the name is unknown, or the template is not well-formed.",
    ),
    code(
        "M026",
        "a key without a value",
        "The key stands there without a value. Write one, or remove the key; `null` says on purpose that there is none.",
    ),
    code(
        "M030",
        "not a name",
        "Names of playbooks, phases, steps, services, resources and probes are made of lower-case letters, digits, `-`, `_` and `.`, begin with a letter or digit and have at most 64 characters, because they become parts of file names and reports. A few names have a meaning of their own.",
    ),
    code(
        "M031",
        "neither an action nor a key of a step",
        "A step has an id, exactly one action, and conditions. The help line names the nearest of them.",
    ),
    code(
        "M032",
        "a step without an action",
        "A step does exactly one thing. Add an action, such as `check: { services: all }`.",
    ),
    code(
        "M033",
        "a step with two actions",
        "A step does exactly one thing, so that it can be timed, judged and taken back by itself. Make two steps.",
    ),
    code(
        "M034",
        "a name that is there twice",
        "Ids of steps, names of phases and names of probes are unique in a playbook, because reports and commands (`muster retry RUN STEP`) name them.",
    ),
    code("M035", "an unknown step in `needs`", "`needs` names steps of the same phase by their ids."),
    code(
        "M036",
        "`needs` across phases",
        "Phases run one after another, so a step waits for all earlier phases anyway and can never wait for a later one.",
    ),
    code(
        "M037",
        "steps that wait for each other",
        "Each of these steps waits for another of them, so none could ever start. A step without `needs` waits for the step written before it.",
    ),
    code(
        "M038",
        "something that is not there",
        "A resource, service, kind or region is named that neither the playbook nor the infrastructure file has.",
    ),
    code(
        "M039",
        "the wrong kind of thing",
        "The action or probe can't do that with a resource of this kind or with its provider.",
    ),
    code(
        "M040",
        "a variable that can't be used",
        "Variables have a name and a plain value. Every variable has a default under `vars:` in the playbook; the infrastructure file and `--var NAME=VALUE` override it.",
    ),
    code(
        "M042",
        "a probe or action that does not fit together",
        "A URL, a `host:port`, a program or a combination of keys is not usable; the message says why.",
    ),
    code(
        "M043",
        "a number or duration out of bounds",
        "Everything has a limit, so that no playbook can run forever or flood what it probes; the help line says which.",
    ),
    code("M044", "a quorum that can't be reached", "More people must approve than are asked."),
    code(
        "M045",
        "a production region is cut off without accepting a loss",
        "What users wrote last is lost when a region is cut off before its data is fenced and drained. In production that must be accepted in writing: `data_loss: { accept_up_to: 30s, because: \"…\" }`.",
    ),
    code(
        "M046",
        "a step needs the lost region",
        "In an unplanned drill nothing from the disaster to the end of verification may need the lost region: in a real disaster it would not answer. Fences may be tried: `unreachable: continue`.",
    ),
    code(
        "M047",
        "a drained promotion without a fence",
        "A drained promotion waits until everything written up to the fence has arrived. Without a fence before it in the same leg there is no such point, and the old side could still take writes: two primaries.",
    ),
    code(
        "M048",
        "an inlined playbook that can't be used",
        "The playbook that a step names cannot be read, or the step has keys that belong to single steps.",
    ),
    code(
        "M049",
        "too much inlined",
        "Playbooks may stand in each other 8 deep, never in themselves, and make at most 100,000 steps.",
    ),
    code("M050", "an unknown provider", "The provider's name is not known for this kind of resource."),
    code(
        "M051",
        "real and simulated mixed up",
        "In `environment: simulated` everything is simulated, so every provider is `simulated`. A simulated resource has no other twin.",
    ),
    code(
        "M052",
        "no infrastructure file",
        "A drill needs an infrastructure file: `infrastructure:` in the playbook or `--infra FILE`.",
    ),
    code("M053", "nothing in it", "A playbook has at least one phase, a phase at least one step."),
    code("M055", "another version of the format", "The file is written for another version of Muster."),
    code(
        "M056",
        "writes that exist nowhere else would be overwritten",
        "After a promotion that was not drained, the old side may hold acknowledged writes that the new one lacks. Before \
         it is built anew as a copy they are kept with `data.preserve`, or the playbook says `discard: accept`. The \
         preserve must surely pass in between: after that promotion, before the replication (in its `needs`, or in an \
         earlier phase), in the same mode, and without `on_failure: continue`.",
    ),
    code(
        "M057",
        "a promotion outside both legs",
        "A promotion belongs into a phase of the failover or of the failback: only there is its point of no return \
         watched.",
    ),
    code(
        "M058",
        "a phase whose name nearly means something",
        "A phase's kind is its name (prechecks, disaster, detect, failover, verify, soak, failback, cleanup) or its `kind:`. Another name is part of the leg in which it stands.",
    ),
    code(
        "M059",
        "the calibration of another infrastructure",
        "A calibration file is made from the runs on one infrastructure file and says its name. How long things take there says nothing of another.",
    ),
    code(
        "M060",
        "a calibration file that can't be used",
        "The file that `--calibration` names, or that lies beside the infrastructure file, can't be read, or has mistakes. A drill begins without it; rehearsals and plans wait until it is mended, or `--no-calibration` is said.",
    ),
    code(
        "M061",
        "a promotion of a side that does not follow",
        "After the other side took over, a side has only what was written before. It is promoted again only once it was built anew as a copy (`database.replicate`, `storage.replicate`), or what the other side took since would be thrown away.",
    ),
    code(
        "M062",
        "a time that does not fit into the step's timeout",
        "The step is given up at its `timeout`, before what it waits for can have lasted long enough.",
    ),
    code(
        "M063",
        "an objective of a step that can't be missed",
        "A step that is given up at its timeout is in doubt, and is not judged by `within`. An objective as long as the timeout or longer is therefore never red.",
    ),
    code(
        "M064",
        "a program that looks like a shell's line",
        "Programs are started as they are, never through a shell, so a whole line is looked for as one file name. Write the program and each of its arguments as an item of its own.",
    ),
    code(
        "M065",
        "an objective that can't be met",
        "A probe sees an outage after `unhealthy_after` bad samples in a row, one each `every`. A shorter outage may be missed, so a shorter objective can never be shown to be met.",
    ),
    code(
        "M066",
        "nobody has this role",
        "The playbook lists its `roles`, and the gate asks for one that is not among them.",
    ),
    code(
        "M075",
        "a probe that can't be meant so",
        "Each of its keys is well formed, and together they make no sense: a redirect that is expected and followed, a \
         certificate expected over `http://`, a resolver that is named instead of addressed, an empty command. The message \
         says which; docs/probes.md has all keys.",
    ),
    code(
        "M076",
        "a combination of probes that can't be read",
        "`all`, `any` and `probes` hold a list of probes without a rhythm of their own: `every`, `timeout` and the like \
         stand beside the list. At most 4 combinations stand in each other, and a probe is made of at most 16.",
    ),
    code(
        "M085",
        "an objective shorter than the steps on the way may take",
        "Along the longest way from the first step that takes something from users to the last that gives it back, the steps may take longer by their own `within` than the recovery time objective allows. A drill in which every step is in time could miss it all the same.",
    ),
    code(
        "M086",
        "a gate behind the damage that it should prevent",
        "The first people that are asked are asked when users are out already, or while they go out. A gate that must hold before damage comes before it (\"Start? Users are out from here.\"). A decision after the detection, beside one before the start, is not meant.",
    ),
    code(
        "M087",
        "a canary through a name that the drill moves",
        "A canary writes to each side by that side's own name or address. Through a name that is switched it writes to whichever side the name points to: what is lost on the other one, and that both take writes, is never seen.",
    ),
    code(
        "M088",
        "a probe that can't see recovery within the objective",
        "An outage ends, as measured, with the answer to the first of `healthy_after` good samples in a row, and is known to have ended only with the last of them. Where that takes longer than the recovery time objective, users are served long before anybody can say so, and every step that waits for health waits as long.",
    ),
    code(
        "M089",
        "a TTL longer than the recovery time objective",
        "After a switch, resolvers may hand out the old address until its TTL has run out, and those users are out until then, whatever the drill does. The TTL must have been shorter for as long as the old one lasts, so lower it days before. A check of it (`ttl_at_most`) that lets a longer one pass does not prove that it is.",
    ),
    code(
        "M090",
        "a promotion without a fence before it",
        "A fence makes the old side refuse writes. Without one, an old side that is merely slow or cut off goes on taking them, or takes them again when it comes back: two primaries. In an unplanned drill the fence is tried, `unreachable: continue`.",
    ),
    code(
        "M091",
        "a step that can't be undone before one that may fail",
        "Until the promotion, a drill that fails is taken back, newest step first. What has no undo stays as it is, and the world is not as it was. Give it one, or do it where nothing is taken back any more.",
    ),
    code(
        "M092",
        "a switch that nobody looks at",
        "A switch is done when the name servers have it. Whether users are served by the new side is another question, and only a `check` of services answers it: `served_by` names the region that must answer.",
    ),
    code(
        "M093",
        "users that no probe sees",
        "Recovery time is measured by the probes of services. Where users are moved and there is no service, or none with a probe, nothing is measured, and an objective can't be met.",
    ),
    code(
        "M094",
        "a probe that goes past the names that are moved",
        "The service depends on a record that the drill switches, and its probe goes to another name, or to a fixed address. It goes on seeing the old side, or always saw the new one, and tells nothing of what users see.",
    ),
    code(
        "M095",
        "no way home",
        "A drill that ends in the secondary region leaves production there, without a copy to fail over to, and has not shown that one can come back. If that is meant, silence it and say how one comes home.",
    ),
    code(
        "M096",
        "a gate without a deadline",
        "A gate that nobody answers holds the drill, and users that are out, for a day. A deadline says how long people have, and `then` what happens after it.",
    ),
    code(
        "M097",
        "a secret in plain text",
        "What stands in a playbook or infrastructure file stands in every journal and report, and in the history of the repository. Change the secret, and name where it is read from: `{ env: NAME }` or `{ file: PATH }`.",
    ),
    code(
        "M098",
        "a silence that can't be",
        "`silence` names the code of a warning and says why it is well as it is. Errors can't be silenced, and a code that does not exist is nothing's.",
    ),
    code(
        "M099",
        "a silence that silences nothing",
        "No warning of that code is given for this part. A silence that has outlived its warning would hide the next one.",
    ),
    code(
        "M125",
        "a control that no catalogue has",
        "`controls:` names what a run is evidence for. Muster's own catalogue knows the controls that docs/evidence.md lists; a team brings others with `catalogues: [controls/own.yaml]`.",
    ),
    code(
        "M126",
        "a catalogue of controls that can't be used",
        "A catalogue has a `prefix`, a `standard` and `controls` by their names, each with `title`, `asks`, `can`, `cannot` and what it `rests_on`; the message says what is wrong.",
    ),
    code(
        "M127",
        "a control's text claims too much",
        "A run is evidence supporting a control. Whether somebody complies is for an assessor to find, so no text of a catalogue says it.",
    ),
    code(
        "M135",
        "a schedule that does not fit together",
        "A schedule says how often (`every`), on which day of that (`on`) and when (`at`); a cron expression says all of it. docs/schedule.md has the words.",
    ),
    code(
        "M136",
        "a calendar file that can't be used",
        "`not_on: [{ ics: FILE }]` names an iCalendar file of days on which the drill is never due. What can't be understood in it is refused, so that no drill begins on a day that was meant to be left alone.",
    ),
    code(
        "M145",
        "settings that AWS would not take",
        "An id, an account, a role or an address of AWS does not look like one, or two settings exclude each other. The \
         settings of each resource are in docs/providers/aws.md.",
    ),
    code(
        "M146",
        "a resource of AWS without the way into both regions",
        "Resources of AWS are reached by the account, and the profile or role, that their regions state: both regions have \
         `provider: aws` then.",
    ),
    code(
        "M147",
        "a promotion that can't be taken back",
        "A read replica of RDS that was promoted never follows again: the way back builds a new one. The playbook says \
         that it knows with `irreversible: accept`.",
    ),
    code(
        "M148",
        "a control plane in the region that is lost",
        "A change of a hosted zone needs Route 53's control plane, which is in us-east-1. When that is the region that is \
         lost, the real event would not let the change be made. Switch by routing controls or by a health check, or keep \
         the zone's switch for after the verification.",
    ),
];
