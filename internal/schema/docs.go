package main

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// docs are the comments of the packages of this repository.
type docs struct {
	root string              // of the source
	read map[string]comments // by the path of the package
}

// comments are those of one package, by the name of a type, or of a type and a field
// with a dot between them.
type comments map[string]string

// ofType is the first paragraph of a type's comment.
func (d docs) ofType(t reflect.Type) string {
	first, _, _ := strings.Cut(d.of(t)[t.Name()], "\n\n")
	return first
}

// ofField is the comment of a type's field.
func (d docs) ofField(t reflect.Type, field string) string { return d.of(t)[t.Name()+"."+field] }

// of returns the comments of the package of a type: none if it is not ours.
func (d docs) of(t reflect.Type) comments {
	path := t.PkgPath()
	found, done := d.read[path]
	if done || !isOurs(t) {
		return found
	}
	found = make(comments)
	folder := filepath.Join(d.root, filepath.FromSlash(strings.TrimPrefix(path, ourModule)))
	files, _ := filepath.Glob(filepath.Join(folder, "*.go")) // the pattern is right
	for _, name := range files {
		if file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution); err == nil {
			found.add(file)
		}
	}
	d.read[path] = found
	return found
}

// add adds the comments of a file.
func (c comments) add(file *ast.File) {
	for _, declared := range file.Decls {
		group, ok := declared.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		for _, spec := range group.Specs {
			spec := spec.(*ast.TypeSpec)
			about := spec.Doc
			if about == nil {
				about = group.Doc
			}
			c[spec.Name.Name] = plain(about)
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					c[spec.Name.Name+"."+name.Name] = plain(field.Doc)
				}
			}
		}
	}
}

// plain is the text of a comment, each paragraph on one line.
func plain(group *ast.CommentGroup) string {
	printer := comment.Printer{TextWidth: -1}
	return strings.TrimSpace(string(printer.Text(new(comment.Parser).Parse(group.Text()))))
}
