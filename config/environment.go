package config

import (
	"errors"
	"os"
	"reflect"
	"sort"
	"strings"
)

const environmentPrefix = "GONGJI_"

// reserved are variables with the prefix that are no configuration: the switch of continuous integration, the token of
// clients, and whatever tests use.
func reserved(name string) bool {
	return name == "GONGJI_CI" || name == "GONGJI_TOKEN" || strings.HasPrefix(name, "GONGJI_TEST_")
}

// Variable is the environment variable that overrides a key: "listen.api" is GONGJI_LISTEN_API.
func Variable(key string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys lists every key that takes a value, in the order of the file. Keys of the list readers are not in it; they are
// those of reader.
func Keys() []string {
	var keys []string
	walk(reflect.ValueOf(Default()).Elem(), "", func(key string, _ reflect.Value) { keys = append(keys, key) })
	return keys
}

// walk visits every field that is not a block.
func walk(block reflect.Value, prefix string, visit func(key string, field reflect.Value)) {
	for i := range block.NumField() {
		key := join(prefix, block.Type().Field(i).Tag.Get("yaml"))
		if block.Field(i).Kind() == reflect.Struct {
			walk(block.Field(i), key, visit)
			continue
		}
		visit(key, block.Field(i))
	}
}

// override applies the environment, each entry of which is NAME=value.
func override(environment []string, target *Config, r *report) {
	fields, keyOf := map[string]reflect.Value{}, map[string]string{}
	var variables []string
	walk(reflect.ValueOf(target).Elem(), "", func(key string, field reflect.Value) {
		if key == "readers" {
			return
		}
		variable := Variable(key)
		fields[variable], keyOf[variable] = field, key
		variables = append(variables, variable)
	})
	sorted := append([]string(nil), environment...)
	sort.Strings(sorted)
	for _, entry := range sorted {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, environmentPrefix) || reserved(name) {
			continue
		}
		field, known := fields[name]
		if !known {
			r.faults = append(r.faults, environmentFault(name, variables))
			continue
		}
		r.origin[keyOf[name]] = name
		if err := setText(field, text); err != nil {
			var p problem
			errors.As(err, &p)
			r.on(keyOf[name], p)
		}
	}
}

func environmentFault(name string, variables []string) Fault {
	p := problem{"the variable names no key of the configuration", "没有对应的配置键"}
	if meant := nearestName(name, variables); meant != "" {
		p = problemf("the variable names no key; did you mean %[1]s?", "没有对应的配置键，是不是 %[1]s？", meant)
	}
	return Fault{"environment", 0, 0, name, p.english, p.chinese}
}

// environ is the environment of the process; Load takes it from here.
func environ() []string { return os.Environ() }
