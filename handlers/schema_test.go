package handlers_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A document is an OpenAPI document, as JSON.
type document map[string]any

func (d document) at(t testing.TB, path ...string) map[string]any {
	t.Helper()
	v := any(map[string]any(d))
	for _, p := range path {
		m, _ := v.(map[string]any)
		if v = m[p]; v == nil {
			t.Fatalf("the document has no %s", strings.Join(path, " "))
		}
	}
	return d.deref(v)
}

// deref follows a $ref into the document.
func (d document) deref(v any) map[string]any {
	m, _ := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	v = map[string]any(d)
	for p := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	if v == nil {
		panic("the document has no " + ref)
	}
	return d.deref(v)
}

// fits says what is wrong with a value by a schema, nil for nothing. It knows the
// keywords that the document uses and refuses others, so that none goes unchecked.
// It is stricter than JSON Schema in one thing: a member that no schema names is
// wrong, unless additionalProperties allows it. What is not told is not to be sent.
func (d document) fits(schema any, v any) error {
	named := map[string]bool{}
	if err := d.check(schema, v, named); err != nil {
		return err
	}
	m, ok := v.(map[string]any)
	if !ok || named["*"] {
		return nil
	}
	for k := range m {
		if !named[k] {
			return fmt.Errorf("a member %q that the schema does not name", k)
		}
	}
	return nil
}

// check notes in named the members that schemas have spoken of, "*" for all.
func (d document) check(schema, v any, named map[string]bool) error {
	raw, _ := schema.(map[string]any)
	if ref, ok := raw["$ref"]; ok {
		if err := d.check(d.deref(map[string]any{"$ref": ref}), v, named); err != nil {
			return err
		}
	}
	typed := false
	for word, arg := range raw {
		var err error
		switch word {
		case "$ref", "description", "default", "required", "additionalProperties", "x-events", "x-line":
		case "type":
			typed = true
			err = ofType(arg.(string), v)
		case "const":
			if !reflect.DeepEqual(arg, v) {
				err = fmt.Errorf("%v is not %v", v, arg)
			}
		case "enum":
			err = fmt.Errorf("%v is none of %v", v, arg)
			for _, a := range arg.([]any) {
				if reflect.DeepEqual(a, v) {
					err = nil
				}
			}
		case "pattern":
			if s, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(s) {
				err = fmt.Errorf("%q is not %s", s, arg)
			}
		case "format":
			if _, bad := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(v)); arg != "date-time" || bad != nil {
				err = fmt.Errorf("%v is no %s", v, arg)
			}
		case "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems":
			err = within(word, arg.(float64), v)
		case "items":
			list, _ := v.([]any)
			for i, item := range list {
				if bad := d.fits(arg, item); bad != nil {
					err = fmt.Errorf("[%d]: %w", i, bad)
				}
			}
		case "properties":
			m, _ := v.(map[string]any)
			for name, s := range arg.(map[string]any) {
				named[name] = true
				if value, ok := m[name]; ok {
					if bad := d.fits(s, value); bad != nil {
						err = fmt.Errorf("%s: %w", name, bad)
					}
				}
			}
		case "allOf":
			for _, s := range arg.([]any) {
				if bad := d.check(s, v, named); bad != nil {
					err = bad
				}
			}
		case "anyOf":
			var all []string
			for _, s := range arg.([]any) {
				bad := d.fits(s, v)
				if bad == nil {
					named["*"], all = true, nil
					break
				}
				all = append(all, bad.Error())
			}
			if all != nil {
				err = fmt.Errorf("none of: %s", strings.Join(all, "; "))
			}
		default:
			err = fmt.Errorf("the schema says %q, which nothing here checks", word)
		}
		if err != nil {
			return err
		}
	}
	if m, ok := v.(map[string]any); ok {
		for _, name := range list(raw["required"]) {
			if _, there := m[name.(string)]; !there {
				return fmt.Errorf("%s is missing", name)
			}
		}
	}
	if raw["additionalProperties"] == true || !typed && raw["properties"] == nil && raw["allOf"] == nil && raw["$ref"] == nil {
		named["*"] = true // any value will do
	}
	return nil
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func ofType(name string, v any) error {
	ok := false
	switch v := v.(type) {
	case map[string]any:
		ok = name == "object"
	case []any:
		ok = name == "array"
	case string:
		ok = name == "string"
	case bool:
		ok = name == "boolean"
	case nil:
		ok = name == "null"
	case float64:
		ok = name == "number" || name == "integer" && v == float64(int64(v))
	}
	if !ok {
		return fmt.Errorf("%v is no %s", v, name)
	}
	return nil
}

func within(word string, bound float64, v any) error {
	n, ok := 0.0, false
	switch v := v.(type) {
	case float64:
		n, ok = v, strings.HasSuffix(word, "imum")
	case string:
		n, ok = float64(utf8.RuneCountInString(v)), strings.HasSuffix(word, "Length")
	case []any:
		n, ok = float64(len(v)), strings.HasSuffix(word, "Items")
	}
	if ok && (strings.HasPrefix(word, "min") && n < bound || strings.HasPrefix(word, "max") && n > bound) {
		return fmt.Errorf("%v is beyond %s %v", v, word, bound)
	}
	return nil
}

func TestTheSchemaCheckOfTheseTests(t *testing.T) {
	var d document
	if err := json.Unmarshal([]byte(`{"components":{"schemas":{
		"A": {"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":1},"s":{"type":"string","pattern":"^a"},"any":{}}},
		"B": {"allOf":[{"type":"object","required":["event"],"properties":{"event":{"const":"b"}}},{"$ref":"#/components/schemas/A"}]},
		"C": {"anyOf":[{"$ref":"#/components/schemas/A"},{"$ref":"#/components/schemas/B"}]},
		"D": {"type":"array","maxItems":1,"items":{"enum":["x"]}}}}}`), &d); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schema, value string
		ok            bool
	}{
		{"A", `{"n":1}`, true}, {"A", `{"n":1,"s":"ab","any":{"x":[]}}`, true}, {"A", `{}`, false}, {"A", `{"n":0}`, false}, {"A", `{"n":1.5}`, false},
		{"A", `{"n":1,"s":"b"}`, false}, {"A", `{"n":1,"other":1}`, false}, {"A", `[]`, false}, {"A", `null`, false},
		{"B", `{"event":"b","n":1}`, true}, {"B", `{"event":"c","n":1}`, false}, {"B", `{"event":"b"}`, false}, {"B", `{"event":"b","n":1,"x":1}`, false},
		{"C", `{"n":1}`, true}, {"C", `{"event":"b","n":1}`, true}, {"C", `{"event":"c","n":1}`, false},
		{"D", `["x"]`, true}, {"D", `["x","x"]`, false}, {"D", `["y"]`, false},
	} {
		var v any
		if err := json.Unmarshal([]byte(c.value), &v); err != nil {
			t.Fatal(err)
		}
		if err := d.fits(map[string]any{"$ref": "#/components/schemas/" + c.schema}, v); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.schema, c.value, err)
		}
	}
}
