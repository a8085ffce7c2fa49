package policy

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"gongji/settle"
)

//go:embed regions/*.yaml
var embedded embed.FS

// Set is a set of region policies: the embedded ones, or those of a directory laid over them. It does not change after
// it was loaded.
type Set struct {
	files   map[string][]*file // by region id, earliest version first
	sources map[string]settle.Source
	changes []settle.Date // days on which any value of the set may change, ascending
	cache   sync.Map      // cacheKey → *settle.Rules
}

// cacheKey is a region in one span between two changes.
type cacheKey struct {
	region string
	span   int
}

// input is the text of one file.
type input struct {
	path string
	data []byte
}

// Embedded is the set of regions that come with the program.
func Embedded() (*Set, error) { return embeddedSet() }

var embeddedSet = sync.OnceValues(func() (*Set, error) {
	inputs, err := embeddedInputs()
	if err != nil {
		return nil, err
	}
	return build(inputs)
})

func embeddedInputs() ([]input, error) {
	entries, err := embedded.ReadDir("regions")
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var inputs []input
	for _, e := range entries {
		name := path.Join("regions", e.Name())
		data, err := embedded.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		inputs = append(inputs, input{path: name, data: data})
	}
	return inputs, nil
}

// Load is the embedded set with the *.yaml files of a directory laid over it: a region that the directory has replaces
// the embedded region of the same id with all its versions. An empty dir is the embedded set. A file with a mistake is
// an error that names every mistake with its line.
func Load(dir string) (*Set, error) {
	if dir == "" {
		return Embedded()
	}
	base, err := embeddedInputs()
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	own, err := readInputs(names)
	if err != nil {
		return nil, err
	}
	return build(base, own)
}

func readInputs(names []string) ([]input, error) {
	var inputs []input
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		inputs = append(inputs, input{path: name, data: data})
	}
	return inputs, nil
}

// build makes a set of layers of files; a later layer replaces the regions of an earlier one.
func build(layers ...[]input) (*Set, error) {
	set, problems := assemble(layers...)
	if len(problems) > 0 {
		texts := make([]string, len(problems))
		for i, p := range problems {
			texts[i] = p.String()
		}
		return nil, fmt.Errorf("policy: %w", errors.New(strings.Join(texts, "\n")))
	}
	return set, nil
}

// assemble is build with its problems, sorted by file and line.
func assemble(layers ...[]input) (*Set, []Problem) {
	set := &Set{files: map[string][]*file{}, sources: map[string]settle.Source{}}
	var problems []Problem
	for _, layer := range layers {
		fresh := map[string][]*file{}
		for _, in := range layer {
			f, faults := parseFile(in.path, in.data)
			problems = append(problems, faults...)
			for code, source := range f.sources {
				set.sources[code] = source
			}
			if f.id != "" {
				fresh[f.id] = append(fresh[f.id], &f)
			}
		}
		for id, versions := range fresh {
			sort.Slice(versions, func(i, j int) bool { return versions[i].from < versions[j].from })
			set.files[id] = versions
		}
	}
	set.collectChanges()
	problems = append(problems, set.check()...)
	sort.SliceStable(problems, func(i, j int) bool {
		a, b := problems[i], problems[j]
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	return set, problems
}

// collectChanges finds the days on which a file or a value begins, or has just ended.
func (s *Set) collectChanges() {
	mark := func(from, to settle.Date) {
		if from != 0 {
			s.changes = append(s.changes, from)
		}
		if to != 0 {
			s.changes = append(s.changes, to.AddDays(1))
		}
	}
	for _, versions := range s.files {
		for _, f := range versions {
			mark(f.from, f.to)
			for _, e := range f.entries {
				mark(e.from, e.to)
			}
		}
	}
	slices.Sort(s.changes)
	s.changes = slices.Compact(s.changes)
}

// Regions are the ids of the set, sorted.
func (s *Set) Regions() []string {
	ids := make([]string, 0, len(s.files))
	for id := range s.files {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// For is the rules of a region on a day; the day is that of the settlement, so that a return is decided under the rules
// of its sale. The answer is shared and must not be changed. The call is cheap after the first for a span of days. An
// unknown region or a day before the first version is NOT_CONFIGURED, with the regions or versions that there are.
func (s *Set) For(region string, day settle.Date) (*settle.Rules, error) {
	span, _ := slices.BinarySearch(s.changes, day+1)
	key := cacheKey{region: region, span: span}
	if rules, found := s.cache.Load(key); found {
		return rules.(*settle.Rules), nil
	}
	rules, err := s.resolve(region, day)
	if err != nil {
		return nil, err
	}
	stored, _ := s.cache.LoadOrStore(key, rules)
	return stored.(*settle.Rules), nil
}

// version is the file of a region that is in force on a day.
func (s *Set) version(region string, day settle.Date) (*file, error) {
	versions := s.files[region]
	if len(versions) == 0 {
		return nil, settle.NewError(settle.NotConfigured, fmt.Errorf("there is no policy for region %q; there are %s",
			region, strings.Join(s.Regions(), ", ")))
	}
	for _, f := range versions {
		if f.holds(day) {
			return f, nil
		}
	}
	spans := make([]string, len(versions))
	for i, f := range versions {
		spans[i] = f.from.String() + " to " + f.to.String()
		if f.to == 0 {
			spans[i] = "from " + f.from.String()
		}
	}
	return nil, settle.NewError(settle.NotConfigured, fmt.Errorf("the policy of region %q has no version in force on %s; it has %s",
		region, day, strings.Join(spans, "; ")))
}

// chain is the files that make up a region's rules on a day, the baseline first.
func (s *Set) chain(region string, day settle.Date) ([]*file, error) {
	var chain []*file
	for id := region; id != ""; {
		f, err := s.version(id, day)
		if err != nil {
			return nil, err
		}
		if slices.Contains(chain, f) {
			return nil, fmt.Errorf("policy: %s inherits from itself", id)
		}
		chain = append(chain, f)
		id = f.parent
	}
	slices.Reverse(chain)
	return chain, nil
}

// resolve lays the files of the chain over each other.
func (s *Set) resolve(region string, day settle.Date) (*settle.Rules, error) {
	chain, err := s.chain(region, day)
	if err != nil {
		return nil, err
	}
	rules := settle.DefaultRules()
	rules.Provenance = map[string]settle.Origin{}
	rules.Sources = s.sources
	rules.Parents = nil
	for _, f := range chain {
		if err := s.lay(rules, f, day); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// lay puts one file's values over the rules.
func (s *Set) lay(rules *settle.Rules, f *file, day settle.Date) error {
	if f.parent != "" {
		rules.Parents = append(rules.Parents, rules.ID+"@"+rules.Version)
	}
	rules.ID, rules.Version, rules.Name = f.id, f.version, f.name
	rules.EffectiveFrom, rules.EffectiveTo = f.from, f.to
	for i := range f.entries {
		e := &f.entries[i]
		if !e.holds(day) {
			continue
		}
		if _, locked := lockedByLaw[e.key]; locked {
			continue
		}
		if e.hasValue {
			if err := assign(rules, e.key, e.value); err != nil {
				return fmt.Errorf("policy: %s:%d: %s: %w", f.path, e.line, e.key, err)
			}
		}
		rules.Provenance[e.key] = s.origin(f, e)
	}
	return nil
}

func (s *Set) origin(f *file, e *entry) settle.Origin {
	origin := settle.Origin{
		Policy: f.id, Src: e.src, Confidence: e.confidence, Note: e.note, File: f.path, Line: e.line,
	}
	if origin.Confidence != "" {
		return origin
	}
	for _, code := range e.src {
		if source := s.sources[code]; grade(source.Grade) > grade(origin.Confidence) {
			origin.Confidence = source.Grade
		}
	}
	if e.assumed || origin.Confidence == "" {
		origin.Confidence = settle.ConfidenceAssumed
	}
	return origin
}
