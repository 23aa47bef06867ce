// SPDX-License-Identifier: Apache-2.0
//
// The validator of the central service: the contract's schemas load; every example of
// tests/contract gets the verdict, and the place, that ajv gives it there; a schema with anything
// that is not implemented does not load.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tools/central/schema.h"

#define SCHEMAS  TW_SOURCE_DIR "/include/contract/schema"
#define EXAMPLES TW_SOURCE_DIR "/tests/contract/examples"

static int load_contract(void **state)
{
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    if (tw_schema_load_dir(SCHEMAS, &set, &err) != TW_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    *state = set;
    return 0;
}

static int free_contract(void **state)
{
    tw_schema_free(*state);
    return 0;
}

// Checks an event, or with `id` any value.
static int check(struct tw_schema_set *set, const char *id, json_t *value, bool *known,
                 struct tw_error_text *err)
{
    struct tw_doc *doc = NULL;
    const struct tw_doc_node *root = NULL;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_int_equal(tw_doc_new(&doc), TW_OK);
    assert_int_equal(tw_doc_read(doc, tw_slice_of(text), &root, err), TW_OK);
    int rc = id == NULL ? tw_schema_check_event(set, root, known, err) : tw_schema_check(set, id, root, err);
    tw_doc_free(doc);
    free(text);
    return rc;
}

// ---- the examples

// An example's name begins with what it is: `event`, or the name of a schema.
static int check_example(struct tw_schema_set *set, const char *name, json_t *value, bool *known,
                         struct tw_error_text *err)
{
    char id[128];
    size_t len = strcspn(name, ".");
    *known = true;
    if (strncmp(name, "event.", 6) == 0) {
        return check(set, NULL, value, known, err);
    }
    (void)snprintf(id, sizeof id, "urn:tillwire:schema:%.*s:1", (int)len, name);
    return check(set, id, value, NULL, err);
}

static int is_json(const struct dirent *entry)
{
    return strstr(entry->d_name, ".json") != NULL;
}

// Calls `visit` for each example; returns how many there were.
static int each_example(struct tw_schema_set *set, const char *folder,
                        void (*visit)(struct tw_schema_set *set, const char *name, json_t *value))
{
    char path[1024];
    struct dirent **entries = NULL;
    (void)snprintf(path, sizeof path, EXAMPLES "/%s", folder);
    int count = scandir(path, &entries, is_json, alphasort);
    for (int i = 0; i < count; i++) {
        json_error_t why;
        (void)snprintf(path, sizeof path, EXAMPLES "/%s/%s", folder, entries[i]->d_name);
        json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
        if (value == NULL) {
            fail_msg("%s: %s", path, why.text);
        }
        visit(set, entries[i]->d_name, value);
        json_decref(value);
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void visit_good(struct tw_schema_set *set, const char *name, json_t *value)
{
    struct tw_error_text err = {""};
    bool known = false;
    if (check_example(set, name, value, &known, &err) != TW_OK) {
        fail_msg("good/%s is refused: %s", name, err.text);
    }
    if (known == (strstr(name, "-not-known.") != NULL)) {
        fail_msg("good/%s: known is %d", name, known);
    }
}

static void test_good_examples_are_accepted(void **state)
{
    assert_true(each_example(*state, "good", visit_good) >= 30);
}

static void visit_bad(struct tw_schema_set *set, const char *name, json_t *value)
{
    struct tw_error_text err = {""};
    bool known = false;
    json_t *places = json_load_file(EXAMPLES "/bad.json", 0, NULL);
    const char *place = json_string_value(json_object_get(places, name));
    char expected[256];
    (void)snprintf(expected, sizeof expected, ":1 at \"%s\": ", place != NULL ? place : "(not in bad.json)");
    int rc = check_example(set, name, value, &known, &err);
    if (rc != TW_ERR_INVALID || strstr(err.text, expected) == NULL) {
        fail_msg("bad/%s should be refused%sgot %d: %s", name, expected, rc, err.text);
    }
    json_decref(places);
}

static void test_bad_examples_are_refused_at_the_same_place_as_by_ajv(void **state)
{
    assert_true(each_example(*state, "bad", visit_bad) >= 25);
}

// ---- what is said about a value

static void assert_says(struct tw_schema_set *set, const char *id, const char *json, int code,
                        const char *text)
{
    struct tw_error_text err = {""};
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    assert_int_equal(check(set, id, value, NULL, &err), code);
    assert_string_equal(err.text, text);
    json_decref(value);
}

static void test_an_error_names_place_and_rule(void **state)
{
    assert_says(*state, "urn:tillwire:schema:ack:1", "{\"through\":1}", TW_ERR_INVALID,
                "urn:tillwire:schema:ack:1 at \"/epoch\": required: must be there");
    assert_says(*state, "urn:tillwire:schema:members-request:1", "{\"since\":\"6\"}", TW_ERR_INVALID,
                "urn:tillwire:schema:members-request:1 at \"/since\": type: must be integer, is string");
    assert_says(*state, "urn:tillwire:schema:members-request:1", "{\"since\":-1}", TW_ERR_INVALID,
                "urn:tillwire:schema:members-request:1 at \"/since\": minimum: must be at least 0");
    assert_says(*state, "urn:tillwire:schema:sale:1#/$defs/coupon", "{\"code\":\"\",\"scheme\":\"gs1\"}",
                TW_ERR_INVALID,
                "urn:tillwire:schema:sale:1#/$defs/coupon at \"/code\": minLength: must be at least 1");
    assert_says(*state, "urn:tillwire:schema:nothing:1", "{}", TW_ERR_NOT_FOUND,
                "checking JSON: there is no schema urn:tillwire:schema:nothing:1");
}

// P6: a card number in a value or in a member's name does not reach the error text.
static void test_an_error_never_shows_what_was_sent(void **state)
{
    static const char *const tenders[] = {
        "{\"type\":\"card\",\"amount\":1,\"4111111111111111\":1}",
        "{\"type\":\"card\",\"amount\":1,\"last4\":\"4111111111111111\"}",
        "{\"type\":\"card\",\"amount\":4111111111111111}",
        "{\"type\":\"4111111111111111\",\"amount\":1}",
    };
    for (size_t i = 0; i < sizeof tenders / sizeof tenders[0]; i++) {
        struct tw_error_text err = {""};
        json_t *value = json_loads(tenders[i], 0, NULL);
        assert_int_equal(check(*state, "urn:tillwire:schema:sale:1#/$defs/tender", value, NULL, &err),
                         TW_ERR_INVALID);
        assert_null(strstr(err.text, "4111"));
        json_decref(value);
    }
}

// JSON Schema 2020-12, 4.2.3: 6.0 is an integer, 6.5 is not.
static void test_a_number_without_fraction_is_an_integer(void **state)
{
    assert_says(*state, "urn:tillwire:schema:members-request:1", "{\"since\":6.0}", TW_OK, "");
    assert_says(*state, "urn:tillwire:schema:members-request:1", "{\"since\":6.5}", TW_ERR_INVALID,
                "urn:tillwire:schema:members-request:1 at \"/since\": type: must be integer, is number");
}

static void test_knows(void **state)
{
    assert_true(tw_schema_knows(*state, TW_SCHEMA_ENVELOPE));
    assert_false(tw_schema_knows(*state, "urn:tillwire:schema:sale:2"));
}

// ---- what does not load

#define HEAD "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"urn:test:a\""

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// Loads a directory with a.json, and b.json where given; checks code and a part of the text.
static int load_texts(const char *a, const char *b, struct tw_schema_set **set, struct tw_error_text *err)
{
    char directory[] = "/tmp/tw-schema-XXXXXX";
    char path[256];
    assert_non_null(mkdtemp(directory));
    if (a != NULL) {
        write_file(directory, "a.json", a);
    }
    if (b != NULL) {
        write_file(directory, "b.json", b);
    }
    int rc = tw_schema_load_dir(directory, set, err);
    for (const char *name = "ab"; *name != '\0'; name++) {
        (void)snprintf(path, sizeof path, "%s/%c.json", directory, *name);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
    return rc;
}

static void assert_not_loaded(const char *a, const char *b, int code, const char *part)
{
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    int rc = load_texts(a, b, &set, &err);
    if (rc != code || strstr(err.text, part) == NULL) {
        fail_msg("%s should fail with %d and \"%s\", got %d: %s", a, code, part, rc, err.text);
    }
    assert_null(set);
}

static void test_a_keyword_that_is_not_implemented_does_not_load(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "\"oneOf\":[true]",       "\"anyOf\":[true]",       "\"not\":{}",
        "\"multipleOf\":2",       "\"uniqueItems\":true",   "\"patternProperties\":{}",
        "\"prefixItems\":[true]", "\"contains\":true",      "\"dependentRequired\":{}",
        "\"$dynamicRef\":\"#\"",  "\"exclusiveMinimum\":0", "\"unevaluatedProperties\":false",
        "\"minProperties\":1",    "\"propertyNames\":{}",   "\"$anchor\":\"x\"",
        "\"typ\":\"string\"",
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char text[256];
        char part[128];
        (void)snprintf(text, sizeof text, HEAD ",\"properties\":{\"x\":{\"items\":{%s}}}}", unknown[i]);
        int len = (int)strcspn(unknown[i] + 1, "\"");
        (void)snprintf(part, sizeof part,
                       "urn:test:a at \"/properties/x/items/%.*s\": keyword \"%.*s\" is not", len,
                       unknown[i] + 1, len, unknown[i] + 1);
        assert_not_loaded(text, NULL, TW_ERR_INVALID, part);
    }
}

static void test_a_form_that_is_not_implemented_does_not_load(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"\"type\":\"int\"", "\"type\""},
        {"\"type\":[]", "\"type\""},
        {"\"type\":[\"string\",5]", "\"type\""},
        {"\"const\":1", "\"const\""},
        {"\"enum\":[\"a\",{}]", "\"enum\""},
        {"\"enum\":[]", "\"enum\""},
        {"\"pattern\":\"a.b\"", "\"pattern\""},
        {"\"pattern\":\"^\\\\d+$\"", "\"pattern\""},
        {"\"pattern\":\"[[:digit:]]\"", "\"pattern\""},
        {"\"pattern\":\"a\\\\\"", "\"pattern\""},
        {"\"pattern\":\"(\"", "\"pattern\" fails at character 1"},
        {"\"format\":\"date\"", "\"format\""},
        {"\"format\":\"email\",\"pattern\":\"@\"", "\"format\""},
        {"\"minLength\":1.5", "\"minLength\""},
        {"\"maximum\":\"9\"", "\"maximum\""},
        {"\"required\":[1]", "\"required\""},
        {"\"required\":\"x\"", "\"required\""},
        {"\"additionalProperties\":{}", "\"additionalProperties\""},
        {"\"properties\":[]", "\"properties\""},
        {"\"items\":[]", "a schema must be"},
        {"\"allOf\":[]", "\"allOf\""},
        {"\"allOf\":[1]", "a schema must be"},
        {"\"then\":{}", "\"then\""},
        {"\"else\":{}", "\"else\""},
        {"\"title\":1", "\"title\""},
        {"\"items\":{\"$id\":\"urn:test:b\"}", "\"$id\""},
        {"\"items\":{\"$defs\":{}}", "\"$defs\""},
        {"\"$defs\":{\"x\":{\"typo\":1}}", "\"/$defs/x/typo\""},
        {"\"if\":{\"not\":{}}", "\"not\""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, HEAD ",%s}", forms[i][0]);
        assert_not_loaded(text, NULL, TW_ERR_INVALID, forms[i][1]);
    }
}

static void test_references_must_lead_somewhere(void **state)
{
    (void)state;
    assert_not_loaded(HEAD ",\"$ref\":\"#/$defs/x\"}", NULL, TW_ERR_NOT_FOUND, "\"$ref\"");
    assert_not_loaded(HEAD ",\"$ref\":\"#\"}", NULL, TW_ERR_NOT_FOUND, "\"$ref\"");
    assert_not_loaded(HEAD ",\"$ref\":\"urn:test:c\"}", NULL, TW_ERR_NOT_FOUND, "\"$ref\"");
    assert_not_loaded(HEAD ",\"$ref\":7}", NULL, TW_ERR_NOT_FOUND, "\"$ref\"");
}

static void test_files_that_are_no_schemas_do_not_load(void **state)
{
    (void)state;
    assert_not_loaded(NULL, NULL, TW_ERR_NOT_FOUND, "no *.json there");
    assert_not_loaded("{", NULL, TW_ERR_INVALID, "a.json: line 1");
    assert_not_loaded("[]", NULL, TW_ERR_INVALID, "$id");
    assert_not_loaded(HEAD ",\"title\":\"a\",\"title\":\"b\"}", NULL, TW_ERR_INVALID, "duplicate");
    assert_not_loaded("{\"$id\":\"urn:test:a\"}", NULL, TW_ERR_INVALID, "$schema must be");
    assert_not_loaded("{\"$id\":\"urn:test:a\",\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
                      NULL, TW_ERR_INVALID, "$schema must be");
    assert_not_loaded(HEAD "}", HEAD "}", TW_ERR_EXISTS, "urn:test:a");
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    assert_int_equal(tw_schema_load_dir("/nonexistent/schemas", &set, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent/schemas: No such file"));
}

// ---- what other sets can do

static void test_a_reference_crosses_files_and_keeps_its_own_base(void **state)
{
    (void)state;
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    const char *other =
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"urn:test:b\","
        "\"$defs\":{\"y\":{\"items\":{\"$ref\":\"#/$defs/z\"}},\"z\":{\"const\":\"b\"}}}";
    assert_int_equal(load_texts(HEAD ",\"$ref\":\"urn:test:b#/$defs/y\",\"$defs\":{\"z\":{\"const\":\"a\"}}}",
                                other, &set, &err),
                     TW_OK);
    assert_says(set, "urn:test:a", "[\"b\"]", TW_OK, "");
    assert_says(set, "urn:test:a", "[\"b\",\"a\"]", TW_ERR_INVALID, "urn:test:a at \"/1\": const: must be b");
    tw_schema_free(set);
}

// P8: neither a schema that refers to itself nor a deeply nested value overflows the stack.
static void test_depth_is_bounded(void **state)
{
    (void)state;
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    assert_int_equal(load_texts(HEAD ",\"$ref\":\"urn:test:a\"}",
                                "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                                "\"$id\":\"urn:test:b\",\"if\":{\"items\":{\"$ref\":\"urn:test:b\"}},"
                                "\"then\":true}",
                                &set, &err),
                     TW_OK);
    assert_says(set, "urn:test:a", "1", TW_ERR_TOO_LARGE,
                "urn:test:a at \"\": nested deeper than 64 schemas");
    char deep[401];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    deep[400] = '\0';
    assert_says(set, "urn:test:b", deep, TW_ERR_TOO_LARGE,
                "urn:test:b at \"\": if: could not be decided (too large)");
    tw_schema_free(set);
}

static void test_a_schema_nested_too_deep_does_not_load(void **state)
{
    (void)state;
    char text[2048] = HEAD;
    size_t len = strlen(text);
    for (int i = 0; i < TW_SCHEMA_MAX_DEPTH; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"items\":{", i == 0 ? "," : "");
    }
    for (int i = 0; i <= TW_SCHEMA_MAX_DEPTH; i++) {
        text[len++] = '}';
    }
    text[len] = '\0';
    assert_not_loaded(text, NULL, TW_ERR_TOO_LARGE, "nested deeper than 64 schemas");
}

// Random values against every schema: any verdict, no crash; a refusal always has a text (P8).
static json_t *random_value(unsigned *seed, int depth)
{
    switch (rand_r(seed) % (depth > 4 ? 5 : 7)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(rand_r(seed) % 2);
    case 2:
        return json_integer((json_int_t)rand_r(seed) - RAND_MAX / 2);
    case 3:
        return json_real(rand_r(seed) / 7.0);
    case 4:
        return json_string(rand_r(seed) % 2 ? "sale" : "\xF0\x9D\x84\x9E\xC3\x9F");
    case 5: {
        json_t *array = json_array();
        for (int i = rand_r(seed) % 4; i > 0; i--) {
            (void)json_array_append_new(array, random_value(seed, depth + 1));
        }
        return array;
    }
    default:
        break;
    }
    static const char *const keys[] = {"data",  "type",  "lines", "kind",    "tenders", "customer",
                                       "epoch", "total", "card",  "members", "online",  "n"};
    json_t *object = json_object();
    for (int i = rand_r(seed) % 8; i > 0; i--) {
        const char *key = keys[(size_t)rand_r(seed) % (sizeof keys / sizeof keys[0])];
        (void)json_object_set_new(object, key, random_value(seed, depth + 1));
    }
    return object;
}

static void test_random_values_never_break_it(void **state)
{
    static const char *const ids[] = {"envelope", "sale", "members", "state", "sale-request", "problem"};
    unsigned seed = 20261122;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 20000; i++) {
        char id[64];
        struct tw_error_text err = {""};
        json_t *value = random_value(&seed, 0);
        (void)snprintf(id, sizeof id, "urn:tillwire:schema:%s:1", ids[i % 6]);
        int rc = check(*state, id, value, NULL, &err);
        assert_true(rc == TW_OK || (rc == TW_ERR_INVALID && err.text[0] != '\0'));
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_examples_are_accepted),
        cmocka_unit_test(test_bad_examples_are_refused_at_the_same_place_as_by_ajv),
        cmocka_unit_test(test_an_error_names_place_and_rule),
        cmocka_unit_test(test_an_error_never_shows_what_was_sent),
        cmocka_unit_test(test_a_number_without_fraction_is_an_integer),
        cmocka_unit_test(test_knows),
        cmocka_unit_test(test_a_keyword_that_is_not_implemented_does_not_load),
        cmocka_unit_test(test_a_form_that_is_not_implemented_does_not_load),
        cmocka_unit_test(test_references_must_lead_somewhere),
        cmocka_unit_test(test_files_that_are_no_schemas_do_not_load),
        cmocka_unit_test(test_a_reference_crosses_files_and_keeps_its_own_base),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_a_schema_nested_too_deep_does_not_load),
        cmocka_unit_test(test_random_values_never_break_it),
    };
    return cmocka_run_group_tests(tests, load_contract, free_contract);
}
