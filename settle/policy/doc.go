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
// Keys are those of the policy table in the semantics, written with dots; `gongjid policy show CN` lists them all. Money
// is whole fen, null means "no limit", lists replace the parent's list, maps (med_group_map, texts) merge into it.
//
// Every value that differs from the parent's needs src or assumed: true; [Check] says so with file and line, as it does
// for unknown keys, wrong types, unknown source codes, overlapping versions and values that would loosen what the law
// locks. The confidence of a value (gov, press, secondary, assumed) is the best grade among its sources unless the
// entry has a confidence of its own.
//
// # Scenario files
//
// [RunScenarios] reads the format of the worked cases: a complete default policy, named overrides, and cases with
// the answer that is expected. It bypasses the region files.
//
// Everything exported here is safe for concurrent use.
package policy
