{{- /* All that the operator does in a namespace; tests/chart compares it with the code. */ -}}
{{- define "flagos-operator.rules" -}}
- apiGroups: [flagos.io]
  resources: [flagosmodels]
  verbs: [get, list, watch]
- apiGroups: [flagos.io]
  resources: [flagosmodels/status]
  verbs: [patch]
# Owner references that block deletion; checked where OwnerReferencesPermissionEnforcement is on,
# as on OpenShift.
- apiGroups: [flagos.io]
  resources: [flagosmodels/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* Whoever may create a FlagOSModel may create pods in that namespace: with any ServiceAccount,
any Secret of the namespace in its environment, and whatever Pod Security lets through there. */ -}}
{{- define "flagos-operator.editorRules" -}}
- apiGroups: [flagos.io]
  resources: [flagosmodels]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [flagos.io]
  resources: [flagosmodels/scale]
  verbs: [get, update, patch]
- apiGroups: [flagos.io]
  resources: [flagosmodels/status]
  verbs: [get]
{{- end }}

{{- define "flagos-operator.viewerRules" -}}
- apiGroups: [flagos.io]
  resources: [flagosmodels]
  verbs: [get, list, watch]
- apiGroups: [flagos.io]
  resources: [flagosmodels/scale, flagosmodels/status]
  verbs: [get]
{{- end }}
