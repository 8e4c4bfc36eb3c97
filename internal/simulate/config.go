package simulate

import (
	"encoding/json"
	"errors"
)

// prepare changes an adapted configuration so that nothing leaves the process:
// reverse proxies get the recording transport, nothing is queued, probes stand
// before each webhook_auth and in each branch that follows it, and tokens can be
// signed.
func prepare(adapted []byte, storage string) ([]byte, map[int][]Block, error) {
	var config map[string]any
	if err := json.Unmarshal(adapted, &config); err != nil {
		return nil, nil, err
	}
	apps, _ := config["apps"].(map[string]any)
	http, _ := apps["http"].(map[string]any)
	servers, _ := http["servers"].(map[string]any)
	if len(servers) == 0 {
		return nil, nil, errors.New("the configuration has no HTTP server")
	}
	webhooks, _ := apps["webhooks"].(map[string]any)
	providers, _ := webhooks["providers"].(map[string]any)
	var failed error
	eachObject(config, func(object map[string]any) {
		switch object["handler"] {
		case "reverse_proxy":
			record(object)
		case "webhook_forward":
			asProxy(object)
			record(object)
		case "webhook_auth":
			failed = errors.Join(failed, addKey(object, providers))
			delete(object, "replay") // each request is simulated for itself
		case "webhook_deliver":
			deliverOnce(object)
		}
	})
	if failed != nil {
		return nil, nil, failed
	}
	p := &preparation{blocks: make(map[int][]Block)}
	for _, server := range servers {
		s, _ := server.(map[string]any)
		delete(s, "tls_connection_policies")
		delete(s, "listener_wrappers")
		s["automatic_https"] = map[string]any{"disable": true}
		p.routes(s)
		named, _ := s["named_routes"].(map[string]any)
		for _, entry := range named {
			route, _ := entry.(map[string]any)
			route["handle"] = p.handlers(route)
		}
		if onError, ok := s["errors"].(map[string]any); ok {
			p.routes(onError)
		}
	}
	if webhooks, ok := apps["webhooks"].(map[string]any); ok {
		delete(webhooks, "replay")
		delete(webhooks, "test_on_load") // which is what runs, perhaps
		delete(webhooks, "archive")
	}
	delete(apps, "tls")
	delete(apps, "pki")
	prepared, err := json.Marshal(map[string]any{
		"admin":   map[string]any{"disabled": true},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "PANIC"}}},
		"storage": map[string]any{"module": "file_system", "root": storage},
		"apps":    apps,
	})
	return prepared, p.blocks, err
}

// preparation is one walk through a configuration.
type preparation struct {
	auths  int             // how many webhook_auth there are; their probes are numbered
	blocks map[int][]Block // of handle_webhook, by the number of its webhook_auth
}

// routes prepares the routes of a server, a subroute or error routes. Those of
// handle_webhook follow its webhook_auth.
func (p *preparation) routes(parent map[string]any) {
	routes, _ := parent["routes"].([]any)
	webhook := parent["handler"] == "webhook_routes"
	number := p.auths - 1
	for _, entry := range routes {
		route, _ := entry.(map[string]any)
		prepared := p.handlers(route)
		if webhook {
			block := readBlock(route)
			p.blocks[number] = append(p.blocks[number], block)
			mark := map[string]any{"handler": "webhook_probe", "auth": -1, "branch": block.Name}
			prepared = append([]any{mark}, prepared...)
		}
		route["handle"] = prepared
	}
}

func (p *preparation) handlers(route map[string]any) []any {
	list, _ := route["handle"].([]any)
	var prepared []any
	for _, entry := range list {
		handler, _ := entry.(map[string]any)
		if handler["handler"] == "webhook_auth" {
			prepared = append(prepared, map[string]any{"handler": "webhook_probe", "auth": p.auths})
			p.auths++
		}
		p.routes(handler)
		prepared = append(prepared, handler)
	}
	return prepared
}

// readBlock reads the name and the conditions of a block.
func readBlock(route map[string]any) Block {
	var block Block
	block.Name, _ = route["name"].(string)
	sets, _ := route["match"].([]any)
	if len(sets) == 0 {
		return block
	}
	set, _ := sets[0].(map[string]any)
	switch events := set["webhook_event"].(type) {
	case []any:
		block.Events = texts(events)
	case map[string]any:
		block.Events, block.Categories = texts(events["names"]), texts(events["categories"])
	}
	switch when := set["webhook_expr"].(type) {
	case string:
		block.When = when
	case map[string]any:
		block.When, _ = when["expr"].(string)
	}
	return block
}

// texts are the strings in a list.
func texts(list any) []string {
	var found []string
	all, _ := list.([]any)
	for _, element := range all {
		text, _ := element.(string)
		found = append(found, text)
	}
	return found
}

// eachObject calls f with every object in a JSON value.
func eachObject(value any, f func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		f(v)
		for _, child := range v {
			eachObject(child, f)
		}
	case []any:
		for _, child := range v {
			eachObject(child, f)
		}
	}
}

// deliverOnce makes a webhook_deliver ask its first destination and store
// nothing. Order and delay need a store, and concern more than one webhook.
func deliverOnce(handler map[string]any) {
	handler["mode"], handler["wait"] = "spool", "1h"
	delete(handler, "order")
	delete(handler, "delay")
	if to, ok := handler["to"].([]any); ok && len(to) > 1 {
		handler["to"] = to[:1]
	}
}

// asProxy makes a reverse proxy of a webhook_forward.
func asProxy(handler map[string]any) {
	upstreams, _ := handler["upstreams"].([]any)
	dialed := make([]any, len(upstreams))
	for i, address := range upstreams {
		dialed[i] = map[string]any{"dial": address}
	}
	clear(handler)
	handler["handler"], handler["upstreams"] = "reverse_proxy", dialed
	handler["transport"] = map[string]any{"protocol": "webhook"}
}

// record makes a reverse proxy record what it would send.
func record(handler map[string]any) {
	transport, _ := handler["transport"].(map[string]any)
	handler["transport"] = map[string]any{
		"protocol": "webhook_record",
		"verified": transport["protocol"] == "webhook",
	}
	delete(handler, "health_checks")
	if _, dynamic := handler["dynamic_upstreams"]; dynamic {
		delete(handler, "dynamic_upstreams")
		handler["upstreams"] = []any{map[string]any{"dial": "dynamic:0"}}
	}
}
