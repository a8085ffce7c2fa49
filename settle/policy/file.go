package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"gongji/settle"
)

// Problem is one mistake in a policy file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 1-based; 0: the file as a whole
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

// String is "file:line: key: message".
func (p Problem) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d", p.Line)
	}
	if p.Key != "" {
		text += ": " + p.Key
	}
	return text + ": " + p.Message
}

// file is one region file as it was written.
type file struct {
	path     string
	id       string
	parent   string
	name     string
	version  string
	from, to settle.Date
	sources  map[string]settle.Source
	entries  []entry
	line     int // of id
}

// entry is what a file says of a key for a span of days.
type entry struct {
	key        string
	line       int
	value      any
	hasValue   bool // false: the inherited value is confirmed
	src        []string
	confidence settle.Confidence
	assumed    bool
	note       string
	from, to   settle.Date // 0: no bound
}

func (f *file) holds(day settle.Date) bool { return f.from <= day && (f.to == 0 || day <= f.to) }

func (e *entry) holds(day settle.Date) bool { return e.from <= day && (e.to == 0 || day <= e.to) }

// pair is one key of a YAML mapping.
type pair struct {
	key   string
	value ast.Node
	line  int
}

// reader collects a file and its problems.
type reader struct {
	file     file
	problems []Problem
}

func (r *reader) fault(line int, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file.path, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// parseFile reads a region file or, where it has no id, a file of sources alone.
func parseFile(path string, data []byte) (file, []Problem) {
	r := &reader{file: file{path: path, sources: map[string]settle.Source{}}}
	doc, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.fault(errorLine(err), "", "not YAML: %s", firstLine(err))
		return r.file, r.problems
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		r.fault(1, "", "must hold exactly one YAML document")
		return r.file, r.problems
	}
	pairs, ok := mapping(doc.Docs[0].Body)
	if !ok {
		r.fault(1, "", "must be a map with id, parent, name, version, effective_from, sources, rules")
		return r.file, r.problems
	}
	for _, p := range pairs {
		r.readTop(p)
	}
	r.checkHeader()
	return r.file, r.problems
}

// errorLine is the line a YAML error points at; its text begins with "[line:column]".
func errorLine(err error) (line int) {
	if _, scanErr := fmt.Sscanf(err.Error(), "[%d:", &line); scanErr != nil {
		return 1
	}
	return line
}

func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

func (r *reader) readTop(p pair) {
	switch p.key {
	case "id":
		r.file.line = p.line
		r.text(p, &r.file.id)
	case "parent":
		r.text(p, &r.file.parent)
	case "name":
		r.text(p, &r.file.name)
	case "version":
		r.text(p, &r.file.version)
	case "effective_from":
		r.date(p, &r.file.from)
	case "effective_to":
		r.date(p, &r.file.to)
	case "sources":
		r.readSources(p)
	case "rules":
		r.readRules(p)
	default:
		r.fault(p.line, p.key, "unknown key; a policy file has id, parent, name, version, effective_from, effective_to, sources and rules")
	}
}

func (r *reader) checkHeader() {
	f := &r.file
	if f.id == "" {
		if len(f.entries) > 0 || len(f.sources) == 0 {
			r.fault(0, "id", "is missing")
		}
		return
	}
	for _, must := range []struct{ key, value string }{
		{"name", f.name}, {"version", f.version}, {"effective_from", f.from.String()},
	} {
		if must.value == "" {
			r.fault(f.line, must.key, "is missing")
		}
	}
	if f.id != settle.CNID && f.parent == "" {
		r.fault(f.line, "parent", "is missing; every region but CN has one")
	}
	if f.to != 0 && f.to < f.from {
		r.fault(f.line, "effective_to", "lies before effective_from")
	}
}

func (r *reader) text(p pair, into *string) {
	var raw any
	if r.decode(p, &raw) {
		if raw == nil {
			return
		}
		text, ok := raw.(string)
		if !ok {
			r.fault(p.line, p.key, "must be a text; put it in quotes")
		}
		*into = text
	}
}

func (r *reader) date(p pair, into *settle.Date) {
	var raw any
	if !r.decode(p, &raw) || raw == nil {
		return
	}
	date, err := dateOf(raw)
	if err != nil {
		r.fault(p.line, p.key, "must be a date such as 2025-07-01")
	}
	*into = date
}

func (r *reader) decode(p pair, into *any) bool {
	if err := yaml.NodeToValue(p.value, into); err != nil {
		r.fault(p.line, p.key, "%s", firstLine(err))
		return false
	}
	return true
}

func (r *reader) readSources(p pair) {
	pairs, ok := mapping(p.value)
	if !ok {
		r.fault(p.line, p.key, "must be a map from source code to {title, url, grade}")
		return
	}
	for _, one := range pairs {
		source := settle.Source{Code: one.key}
		members, ok := mapping(one.value)
		if !ok {
			r.fault(one.line, one.key, "must be {title, url, grade}")
			continue
		}
		for _, m := range members {
			switch m.key {
			case "title":
				r.text(m, &source.Title)
			case "url":
				r.text(m, &source.URL)
			case "grade":
				source.Grade = r.confidence(m)
			default:
				r.fault(m.line, one.key+"."+m.key, "unknown key; a source has title, url and grade")
			}
		}
		if source.Title == "" || source.Grade == "" {
			r.fault(one.line, one.key, "a source needs a title and a grade")
		}
		r.file.sources[one.key] = source
	}
}

func (r *reader) confidence(p pair) settle.Confidence {
	var text string
	r.text(p, &text)
	c := settle.Confidence(text)
	if grade(c) <= 0 {
		r.fault(p.line, p.key, "must be gov, press, secondary or assumed")
	}
	return c
}

// grade orders confidences, the best highest; 0 is none, below 0 is not one.
func grade(c settle.Confidence) int {
	return slices.Index([]settle.Confidence{
		"", settle.ConfidenceAssumed, settle.ConfidenceSecondary, settle.ConfidencePress, settle.ConfidenceGov,
	}, c)
}

func (r *reader) readRules(p pair) {
	pairs, ok := mapping(p.value)
	if !ok {
		r.fault(p.line, p.key, "must be a map from rule key to {value, src, …}")
		return
	}
	for _, rule := range pairs {
		if _, locked := lockedByLaw[rule.key]; !locked {
			if _, known := fieldByKey[rule.key]; !known {
				r.fault(rule.line, rule.key, "unknown key%s", didYouMean(rule.key))
				continue
			}
		}
		if list, isList := rule.value.(*ast.SequenceNode); isList {
			for _, item := range list.Values {
				r.readEntry(pair{key: rule.key, value: item, line: lineOf(item)})
			}
			continue
		}
		r.readEntry(rule)
	}
}

func (r *reader) readEntry(p pair) {
	members, ok := mapping(p.value)
	if !ok {
		r.fault(p.line, p.key, "must be {value: …, src: …} or {value: …, assumed: true}, or a list of these with from and to")
		return
	}
	e := entry{key: p.key, line: p.line}
	for _, m := range members {
		r.readMember(&e, m)
	}
	if !e.hasValue && len(e.src) == 0 && !e.assumed {
		r.fault(p.line, p.key, "says nothing: give a value, or a src that confirms the inherited one")
	}
	r.checkEntry(e)
	r.file.entries = append(r.file.entries, e)
}

func (r *reader) readMember(e *entry, m pair) {
	switch m.key {
	case "value":
		e.hasValue = r.decode(m, &e.value)
	case "src":
		var raw any
		if r.decode(m, &raw) {
			e.src = itemTexts(raw)
			if text, ok := raw.(string); ok {
				e.src = []string{text}
			}
			if len(e.src) == 0 {
				r.fault(m.line, e.key+".src", "must be a source code or a list of source codes")
			}
		}
	case "assumed":
		var raw any
		if r.decode(m, &raw) {
			if raw != true {
				r.fault(m.line, e.key+".assumed", "can only be true")
			}
			e.assumed = true
		}
	case "confidence":
		e.confidence = r.confidence(m)
	case "note":
		r.text(m, &e.note)
	case "from":
		r.date(m, &e.from)
	case "to":
		r.date(m, &e.to)
	default:
		r.fault(m.line, e.key+"."+m.key, "unknown key; an entry has value, src, assumed, confidence, note, from and to")
	}
}

// checkEntry tries the value out on a throw-away copy of the baseline.
func (r *reader) checkEntry(e entry) {
	if !e.hasValue {
		return
	}
	if locked, is := lockedByLaw[e.key]; is {
		if !locked.holds(e.value) {
			r.fault(e.line, e.key, "is locked by law at %s: %s", locked.text, locked.why)
		}
		return
	}
	err := assign(settle.DefaultRules(), e.key, e.value)
	if err == nil {
		err = checkItems(e.key, e.value)
	}
	if err == nil {
		err = checkText(e.key, e.value)
	}
	if err != nil {
		r.fault(e.line, e.key, "%s", err)
	}
}

// mapping is the pairs of a mapping node in file order.
func mapping(node ast.Node) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	pairs := make([]pair, 0, len(values))
	for _, v := range values {
		pairs = append(pairs, pair{key: keyText(v.Key), value: v.Value, line: lineOf(v.Key)})
	}
	return pairs, true
}

// keyText is a mapping key without its quotes.
func keyText(key ast.MapKeyNode) string {
	if text, ok := key.(*ast.StringNode); ok {
		return text.Value
	}
	return key.GetToken().Value
}

func lineOf(node ast.Node) int { return node.GetToken().Position.Line }
