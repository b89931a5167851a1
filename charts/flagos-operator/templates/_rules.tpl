{{- /* All that the operator does in a namespace; tests/chart compares it with the code. */ -}}
{{- define "flagos-operator.rules" -}}
- apiGroups: [flagos.io]
  resources: [flagosmodels]
  verbs: [list, watch]
- apiGroups: [flagos.io]
  resources: [flagosmodels/status]
  verbs: [patch]
# For owner references that block deletion; asked for where OwnerReferencesPermissionEnforcement
# is on, as on OpenShift.
- apiGroups: [flagos.io]
  resources: [flagosmodels/finalizers]
  verbs: [update]
# A server-side apply that makes an object needs `create` besides `patch`; `get` tells whose an
# object is that holds a wanted name.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
# The rows of chips and releases that a model was made from, once it was Ready; a few are kept.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list, watch, create, patch, delete]
# An edit of a model can make these two superfluous. All else goes with its owner.
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# They remove weights from a claim that was not made for the model (reclaimPolicy), and hash
# weights again when an annotation asks for it.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Those of a pod that waits for its volumes are read: the kubelet says there alone what is missing.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
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

{{- /* Rows are of the whole cluster: the operator applies those that it brings, and deletes none.
In the namespaced mode it has its built-in copy. Users of models read them; who edits a row decides
what pods of any namespace may do, so that is the administrators' alone. */ -}}
{{- define "flagos-operator.rowRules" -}}
- apiGroups: [flagos.io]
  resources: [flagoschips, flagosreleases]
  verbs: [list, watch, create, patch]
{{- end }}

{{- define "flagos-operator.rowViewerRules" -}}
- apiGroups: [flagos.io]
  resources: [flagoschips, flagosreleases]
  verbs: [get, list, watch]
{{- end }}
