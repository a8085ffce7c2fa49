package settle

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Repeat is what a request with an idempotency key is.
type Repeat uint8

// A request is another one than the stored one, the stored one again, or the stored one's key with other content.
const (
	RepeatOther Repeat = iota
	RepeatReplay
	RepeatConflict
)

// DecideRepeat decides before every other check and without the facts of today (SEMANTICS section 8): keys that differ
// are different requests; equal keys with the same content get the stored answer again; equal keys with other content
// are refused with E_IDEMPOTENCY_CONFLICT.
func DecideRepeat(key, storedKey string, sameContent bool) Repeat {
	switch {
	case key != storedKey:
		return RepeatOther
	case sameContent:
		return RepeatReplay
	}
	return RepeatConflict
}

// FirstDifference names the first field, as a JSON path such as lines[0].total, in which two requests differ; empty if
// they are equal. Fields are compared in the order of their names. It names fields only, never values.
func FirstDifference(a, b any) (string, error) {
	left, err := generic(a)
	if err != nil {
		return "", err
	}
	right, err := generic(b)
	if err != nil {
		return "", err
	}
	return differingPath("", left, right), nil
}

func generic(value any) (tree any, err error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return tree, json.Unmarshal(data, &tree)
}

func differingPath(path string, a, b any) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	switch left := a.(type) {
	case map[string]any:
		right, same := b.(map[string]any)
		if !same {
			break
		}
		names := slices.Sorted(maps.Keys(left))
		for name := range right {
			if _, both := left[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if at := differingPath(joinPath(path, name), left[name], right[name]); at != "" {
				return at
			}
		}
	case []any:
		right, same := b.([]any)
		if !same || len(left) != len(right) {
			break
		}
		for i := range left {
			if at := differingPath(fmt.Sprintf("%s[%d]", path, i), left[i], right[i]); at != "" {
				return at
			}
		}
	}
	return path
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
