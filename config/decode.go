package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decode fills target from YAML text, reporting every unknown, doubled or badly typed key. It walks the syntax tree
// itself, since a decoder stops at its first mistake. It returns false where the text is not YAML at all, when nothing
// more can be said.
func decode(data []byte, target *Config, r *report) bool {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return false
	}
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		r.at(placeOf(file.Docs[1].Body), "", problem{"only one YAML document is allowed", "只能有一个 YAML 文档"})
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return true
	}
	r.value(file.Docs[0].Body, reflect.ValueOf(target).Elem(), "")
	return true
}

// syntax reports text that is not YAML.
func (r *report) syntax(err error) {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
		pos := syntax.GetToken().Position
		r.at(position{pos.Line, pos.Column}, "", problemf("not valid YAML: %[1]s", "不是有效的 YAML：%[1]s", syntax.GetMessage()))
		return
	}
	r.at(position{}, "", problem{"not valid YAML", "不是有效的 YAML"})
}

func placeOf(node ast.Node) position {
	if token := node.GetToken(); token != nil && token.Position != nil {
		return position{token.Position.Line, token.Position.Column}
	}
	return position{}
}

// value decodes a node into a field.
func (r *report) value(node ast.Node, target reflect.Value, key string) {
	if _, known := r.places[key]; !known {
		r.places[key] = placeOf(node)
	}
	switch target.Kind() {
	case reflect.Struct:
		r.block(node, target, key)
	case reflect.Slice:
		r.list(node, target, key)
	default:
		text, ok := scalarText(node)
		if !ok {
			r.at(r.places[key], key, errText)
			return
		}
		if err := setText(target, text); err != nil {
			var p problem
			errors.As(err, &p)
			r.at(r.places[key], key, p)
		}
	}
}

// block decodes a mapping into a struct.
func (r *report) block(node ast.Node, target reflect.Value, key string) {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.NullNode: // "upstream:" with nothing below keeps the defaults
		return
	default:
		r.at(placeOf(node), key, errBlock)
		return
	}
	fields := fieldsOf(target.Type())
	seen := map[string]bool{}
	for _, pair := range pairs {
		name, _ := scalarText(pair.Key)
		path := join(key, name)
		index, known := fields[name]
		switch {
		case !known:
			r.at(placeOf(pair.Key), path, unknown("unknown key", "没有这个键", name, names(target.Type())))
			continue
		case seen[name]:
			r.at(placeOf(pair.Key), path, problem{"the key is there twice", "这个键写了两次"})
			continue
		}
		seen[name] = true
		r.places[path] = placeOf(pair.Key)
		r.value(pair.Value, target.Field(index), path)
	}
}

// list decodes a sequence. A list in the file replaces the default.
func (r *report) list(node ast.Node, target reflect.Value, key string) {
	if _, null := node.(*ast.NullNode); null {
		target.Set(reflect.Zero(target.Type()))
		return
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		r.at(placeOf(node), key, errList)
		return
	}
	filled := reflect.MakeSlice(target.Type(), len(sequence.Values), len(sequence.Values))
	for i, item := range sequence.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		r.places[path] = placeOf(item)
		if pairs, block := item.(*ast.MappingNode); block && len(pairs.Values) > 0 {
			r.places[path] = placeOf(pairs.Values[0].Key)
		}
		r.value(item, filled.Index(i), path)
	}
	target.Set(filled)
}

// scalarText is the text of a scalar as the author wrote it, so that region: 430100 is a text like "430100" is.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		return "", true
	case *ast.MappingKeyNode:
		return scalarText(n.Value)
	}
	return "", false
}

var (
	durationType = reflect.TypeOf(time.Duration(0))
	fenType      = reflect.TypeOf(Fen(0))
	dateType     = reflect.TypeOf(Date(0))
)

// setText sets a field that is not a block or a list of blocks from text. Its errors are problems.
func setText(target reflect.Value, text string) error {
	switch {
	case target.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errDuration
		}
		target.SetInt(int64(d))
	case target.Type() == fenType:
		f, err := parseFen(text)
		if err != nil {
			return err
		}
		target.SetInt(int64(f))
	case target.Type() == dateType:
		d, err := parseDate(text)
		if err != nil {
			return err
		}
		target.SetInt(int64(d))
	default:
		return setPlain(target, text)
	}
	return nil
}

// setPlain sets a field of one of Go's own types.
func setPlain(target reflect.Value, text string) error {
	switch target.Kind() {
	case reflect.String:
		target.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errWhole
		}
		target.SetInt(int64(n))
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errBool
		}
		target.SetBool(text == "true")
	case reflect.Pointer: // an optional switch; empty leaves it open
		if text == "" {
			target.SetZero()
			return nil
		}
		fresh := reflect.New(target.Type().Elem())
		if err := setPlain(fresh.Elem(), text); err != nil {
			return err
		}
		target.Set(fresh)
	case reflect.Slice: // of texts, from the environment
		parts := []string{}
		for _, part := range strings.Split(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
		target.Set(reflect.ValueOf(parts))
	default:
		panic("config: no decoder for " + target.Type().String())
	}
	return nil
}

// fieldsOf maps the keys of a struct to its field numbers.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("yaml")] = i
	}
	return fields
}

// names lists the keys of a struct in the order of the type.
func names(t reflect.Type) []string {
	list := make([]string, t.NumField())
	for i := range t.NumField() {
		list[i] = t.Field(i).Tag.Get("yaml")
	}
	return list
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
