package policy

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"gongji/settle"
)

//go:embed requirements.yaml
var requirementsFile []byte

// Requirement is one requirement on a counter, and what carries it.
type Requirement struct {
	ID   string   `yaml:"id" json:"id"`     // S-001 to S-274
	Tags []string `yaml:"tags" json:"tags"` // of RequirementTags
	What string   `yaml:"what" json:"what"`
	// By names what carries it: Go identifiers (settle.CheckBinding, daemon/session.TestWrongCard), reason and error codes,
	// policy keys.
	By []string `yaml:"by" json:"by,omitempty"`
	// Out says why a counter daemon leaves it.
	Out string `yaml:"out" json:"out,omitempty"`
	// Beyond says what of it is no counter daemon's affair, and why; the rest is carried.
	Beyond string `yaml:"beyond" json:"beyond,omitempty"`
	// Later says what is not there yet.
	Later string `yaml:"later" json:"later,omitempty"`
}

// RequirementTags are the kinds of requirements: refuse or skip, reckon, keep, show, give out, not a counter's affair.
var RequirementTags = []string{"ENFORCE", "COMPUTE", "RECORD", "SHOW", "EXPORT", "OUT"}

// The standings of a requirement.
const (
	RequirementCarried = "carried" // by code or data
	RequirementPartly  = "partly"  // by code or data, and something is not there yet
	RequirementLater   = "later"   // nothing is there yet
	RequirementOut     = "out"     // a counter daemon leaves it
)

// Standing is one of the four standings.
func (r *Requirement) Standing() string {
	switch {
	case r.Out != "":
		return RequirementOut
	case len(r.By) == 0:
		return RequirementLater
	case r.Later != "":
		return RequirementPartly
	}
	return RequirementCarried
}

// Requirements are all requirements in the order of their numbers. The answer is shared and must not be changed; the
// error is that of a damaged build.
func Requirements() ([]Requirement, error) { return loadRequirements() }

var loadRequirements = sync.OnceValues(func() ([]Requirement, error) { return parseRequirements(requirementsFile) })

// parseRequirements reads the list and refuses unknown members, tags that are none, numbers out of order, and entries
// that say nothing of who carries them.
func parseRequirements(data []byte) ([]Requirement, error) {
	var list []Requirement
	if err := yaml.UnmarshalWithOptions(data, &list, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("requirements: %s", firstLine(err))
	}
	for i := range list {
		r := &list[i]
		if want := fmt.Sprintf("S-%03d", i+1); r.ID != want {
			return nil, fmt.Errorf("requirements: %s stands where %s belongs", r.ID, want)
		}
		if len(r.Tags) == 0 || slices.ContainsFunc(r.Tags, func(t string) bool { return !slices.Contains(RequirementTags, t) }) {
			return nil, fmt.Errorf("requirements: %s: tags %v are not all of %v", r.ID, r.Tags, RequirementTags)
		}
		if r.What == "" || len(r.By) == 0 && r.Out == "" && r.Later == "" {
			return nil, fmt.Errorf("requirements: %s: needs what, and by, out or later", r.ID)
		}
		if r.Beyond != "" && len(r.By) == 0 {
			return nil, fmt.Errorf("requirements: %s: has beyond and nothing that carries the rest", r.ID)
		}
		if r.Out != "" && !slices.Contains(r.Tags, "OUT") {
			return nil, fmt.Errorf("requirements: %s: has out without the tag OUT", r.ID)
		}
	}
	return list, nil
}

// RequirementCount is how many requirements of a tag stand how.
type RequirementCount struct {
	Tag                          string
	Carried, Partly, Later, Left int
}

// Total is the number of requirements counted.
func (c RequirementCount) Total() int { return c.Carried + c.Partly + c.Later + c.Left }

// CountRequirements counts by first tag, and in a last row "all" everything.
func CountRequirements(list []Requirement) []RequirementCount {
	counts := make([]RequirementCount, len(RequirementTags)+1)
	for i, tag := range RequirementTags {
		counts[i].Tag = tag
	}
	counts[len(RequirementTags)].Tag = "all"
	for i := range list {
		for _, at := range []int{slices.Index(RequirementTags, list[i].Tags[0]), len(RequirementTags)} {
			c := &counts[at]
			switch list[i].Standing() {
			case RequirementCarried:
				c.Carried++
			case RequirementPartly:
				c.Partly++
			case RequirementLater:
				c.Later++
			case RequirementOut:
				c.Left++
			}
		}
	}
	return counts
}

// nameKind is what a name in Requirement.By is.
type nameKind uint8

const (
	nameUnknown nameKind = iota
	nameCode             // a reason or an error code
	nameKey              // a policy key, or one locked by law
	nameGo               // a Go identifier, which only a reader of the sources can check
)

// goName is package path, identifier, and perhaps a field or method of it.
var goName = regexp.MustCompile(`^[a-z][a-z0-9/-]*(\.[A-Za-z_][A-Za-z0-9_]*){1,2}$`)

func kindOfName(name string) nameKind {
	_, code := settle.Sentences[settle.Code(name)]
	_, reason := settle.ReasonSentences[settle.Reason(name)]
	_, key := fieldByKey[name]
	_, locked := lockedByLaw[name]
	switch {
	case code, reason:
		return nameCode
	case key, locked:
		return nameKey
	case goName.MatchString(name) && strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' }):
		return nameGo
	}
	return nameUnknown
}
