// Package policy holds the rules of the insured regions as data: one YAML file a region, each value with its source,
// inherited from the national baseline over the province to the city, chosen by the day of the settlement. It turns
// them into [settle.Rules], checks the files of policy authors, and runs scenario files (worked cases) against them.
//
// # A region file
//
//	id: "430100"                   # the administrative code the insurer uses; the baseline is CN
//	parent: "430000"               # whose values hold where this file says nothing
//	name: 长沙市
//	version: 2025-08-31            # any text; printed on every settlement
//	effective_from: 2024-12-09     # first day of this version; several files of one id are its versions
//	effective_to: null             # last day, or null
//	sources:                       # documents that the values cite; those of the parents and of sources.yaml are known too
//	  HN9: {title: 某通知, url: example.cn/1.html, grade: gov}
//	rules:
//	  order.source: {value: bound_rank, src: Z000}
//	  members.max: {value: 10, src: [HN1, HN3-S], note: holder not counted}
//	  binding.relations: {src: HN1}                       # the inherited value, confirmed by a source
//	  year.start: {value: "07-01", assumed: true}
//	  cross_province.mode:                                # a value that changes with the day
//	    - {value: none, to: 2026-01-08, src: N4}
//	    - {value: wallet_quota, from: 2026-01-09, src: N5}
//
// A topic of the guidance and a notice are values with members; what a region leaves out of one is its parent's:
//
//	guidance.binding:
//	  value:
//	    channels: [{kind: app, name: 湘医保, detail: 家庭共济, phone: "12393"}]   # kind: settle.ChannelKinds
//	  src: Z000
//	notices.binding: {value: {id: GD-GJ, version: "2", title: 告知书, required: true}, src: Z003}
//
// Keys are those of the policy table in the semantics, written with dots; `gongjid policy show CN` lists them all. Money
// is whole fen, null means "no limit", lists replace the parent's list, maps (med_group_map) merge into it.
//
// Every value that differs from the parent's needs src or assumed: true; [Check] says so with file and line, as it does
// for unknown keys, wrong types, unknown source codes, overlapping versions and values that would loosen what the law
// locks. The confidence of a value (gov, press, secondary, assumed) is the best grade among its sources unless the
// entry has a confidence of its own.
//
// # A guide for policy authors
//
// A region and its cases are added without touching Go:
//
//  1. Write the file, named by the region's code, into a directory of your own: id, parent (the province, or CN), and of
//     the rules only those that differ from the parent's, each with its source. What you could not find out, leave to the
//     parent, or write with assumed: true, so that everybody sees the guess.
//  2. `gongjid policy check DIR/*.yaml` names every mistake with file and line.
//  3. `gongjid policy show REGION --dir DIR --on DAY` prints what holds on a day and where each value comes from;
//     a value without a source is marked 假定 (assumed), and --assumed lists these, which is the list of questions for the
//     local bureau.
//  4. Write a case file: bills whose right answer you know from the notice or from a real slip, each with "policy": the
//     region's code, and expect. `gongjid policy test --dir DIR cases.json` runs them and shows every difference.
//  5. Set policy_dir of the configuration to the directory. A region that the directory has replaces the embedded region
//     of the same id with all its versions; so keep old versions in it, since a return is decided under the rules of its
//     sale.
//
// A new version of a rule gets its own file with the next effective_from (and the old one an effective_to), or, where a
// single value changes on a day, a list of values with from and to. A value that no key can say is a matter for code: a
// rule that only one region has is still a key, never a branch on the region's id.
//
// # Scenario files
//
// [RunScenarios] reads the format of the worked cases: a complete default policy, named overrides, and cases with
// the answer that is expected. It bypasses the region files; [RunScenariosWith] also runs cases that name a region.
// Beyond the worked cases' format a case may have usage.day_pharmacy_times, usage.year_pharmacy_paid, giver_usage (by
// giver: day_shared, month_shared, year_shared), venue.area, venue.kind, a line's code and rx, premium.kind and premium.categories, for
// the keys that read them.
//
// # Requirements
//
// requirements.yaml lists what the guides for insured persons ask of a counter, S-001 to S-274: the tags (ENFORCE refuse
// or skip, COMPUTE, RECORD, SHOW, EXPORT, OUT), by: the Go identifiers, codes, policy keys and tests that carry it, out: why
// a counter daemon leaves it, beyond: what of it a counter daemon leaves while the rest is carried, later: what is not there yet. `gongjid policy requirements` prints it. A test reads the
// sources and fails when a name in by no longer exists. How the requirements stand, by first tag:
//
//	tag      carried  partly   later     out   total
//	ENFORCE      103       0       0       0     103
//	COMPUTE       26       0       0       0      26
//	RECORD        30       0       0       0      30
//	SHOW          62       0       0       0      62
//	EXPORT         7       0       0       1       8
//	OUT            0       0       0      45      45
//	all          228       0       0      46     274
//
// Everything exported here is safe for concurrent use.
package policy
