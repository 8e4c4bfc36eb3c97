package examples_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// page is what the links of a Markdown file need.
type page struct {
	anchors []string // of its headings
	links   []string // as they are written
}

// TestLinks makes sure that every link to another place of the repository leads
// to a file that is there and, where it names one, to a heading of that file.
func TestLinks(t *testing.T) {
	pages := make(map[string]page)
	for _, document := range documents(t) {
		pages[filepath.Clean(document)] = readPage(t, document)
	}
	for name, from := range pages {
		for _, link := range from.links {
			target, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s links to %q: %v", name, link, err)
				continue
			}
			if target.IsAbs() {
				continue
			}
			file := name
			if target.Path != "" {
				file = filepath.Join(filepath.Dir(name), filepath.FromSlash(target.Path))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s: %v", name, link, err)
			}
			if target.Fragment != "" && !slices.Contains(pages[file].anchors, target.Fragment) {
				t.Errorf("%s links to %s, and %s has no such heading", name, link, file)
			}
		}
	}
}

// TestIndex makes sure that the index of the documentation names every page, and
// that the page of a directive has what Caddy's own reference has.
func TestIndex(t *testing.T) {
	indexes := map[string]page{"../docs": readPage(t, "../docs/README.md"), "../docs/directives": readPage(t, "../docs/directives.md")}
	for folder, index := range indexes {
		pages, err := filepath.Glob(folder + "/*.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range pages {
			base := filepath.Base(name)
			named := func(link string) bool { return filepath.Base(strings.Split(link, "#")[0]) == base }
			if base != "README.md" && !slices.ContainsFunc(index.links, named) {
				t.Errorf("no index names %s", name)
			}
			if !strings.Contains(base, "webhook") {
				continue
			}
			for _, heading := range []string{"syntax", "examples"} {
				if anchors := readPage(t, name).anchors; !slices.Contains(anchors, heading) {
					t.Errorf("%s has no heading %s", name, heading)
				}
			}
		}
	}
}

// readPage reads the headings and links of a Markdown file.
func readPage(t *testing.T, file string) page {
	t.Helper()
	source := []byte(read(t, file))
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	var found page
	ids := parser.NewContext(parser.WithIDs(make(githubIDs)))
	err := ast.Walk(markdown.Parser().Parse(text.NewReader(source), parser.WithContext(ids)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Heading:
			if id, ok := node.AttributeString("id"); ok {
				found.anchors = append(found.anchors, string(id.([]byte)))
			}
		case *ast.Link:
			found.links = append(found.links, string(node.Destination))
		case *ast.Image:
			found.links = append(found.links, string(node.Destination))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// githubIDs makes the anchors of headings as GitHub does. It counts how often
// each has occurred.
type githubIDs map[string]int

// Generate returns the anchor of a heading. The second and later headings of a
// page that have the same text get a number.
func (ids githubIDs) Generate(heading []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, strings.TrimSpace(string(heading)))
	before := ids[id]
	ids[id]++
	if before > 0 {
		id += "-" + strconv.Itoa(before)
	}
	return []byte(id)
}

// Put is for anchors that a page writes itself, of which there are none.
func (githubIDs) Put([]byte) {}
