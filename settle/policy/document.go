package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gongji/settle"
)

// assignDocument lays the members of a topic or notice over what is there: what a region does not say is its parent's, and
// a list of channels replaces the parent's. Unknown members are refused by name.
func assignDocument(target reflect.Value, raw any) error {
	members, ok := raw.(map[string]any)
	if !ok {
		return errors.New("must be a map of members such as title and text")
	}
	data, err := json.Marshal(members)
	if err != nil {
		return errors.New("must be a map of texts")
	}
	laid := reflect.New(target.Type())
	laid.Elem().Set(target)
	if _, replaced := members["channels"]; replaced {
		laid.Elem().FieldByName("Channels").SetZero() // or the decoder would write into the parent's list
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(laid.Interface()); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if err := checkDocument(laid.Interface()); err != nil {
		return err
	}
	target.Set(laid.Elem())
	return nil
}

// checkDocument is the check of one topic's channels, or of a notice.
func checkDocument(document any) error {
	switch d := document.(type) {
	case *settle.Topic:
		for i, c := range d.Channels {
			if !slices.Contains(settle.ChannelKinds, c.Kind) {
				return fmt.Errorf("channels[%d].kind is %q and must be one of %s", i, c.Kind, strings.Join(settle.ChannelKinds, ", "))
			}
			if c.Name == "" {
				return fmt.Errorf("channels[%d] has no name", i)
			}
		}
	case *settle.Notice:
		if d.Required && (d.ID == "" || d.Version == "") {
			return errors.New("a notice that must be read needs an id and a version")
		}
	}
	return nil
}
